import { clusterTime } from '@waybill/shared/base/position';
import { EMPTY_STATE } from '@waybill/shared/manifest/state';
import { AT, collection, inSnapshot, milestone, status, T } from '@waybill/test/support/statuses';
import { describe, expect, it } from 'vitest';
import { renderStatus } from './status.ts';

describe('renderStatus', () => {
  const plain = (_style: unknown, text: string) => text;

  it('shows a snapshot under way', () => {
    expect(renderStatus(status(), plain)).toMatchInlineSnapshot(`
      "stream default  /b
      source replicaSet abc, avro zstandard, 2 lanes

      capture  snapshot  50 %, 400 of 1,010 documents, about 1m 40s left, 50 changes, watermark 13.0 s old, 2.5 KiB in 1 segments, last commit 3.0 s ago
      load     none of this name

      collection   state    captured     of    bytes  chunks
      shop.orders  copying       400  1,000  4.9 KiB     1/2
      shop.small   waiting         0     10      0 B     0/0
      shop.gone    skipped         0      0      0 B     1/1
      shop.view    view            0      0      0 B     0/0

      time (UTC)           by       milestone         cluster time  sequence
      2026-11-20 10:00:00  capture  snapshot-started  1795168800:1         0"
    `);
  });

  it('says which namespaces a load takes', () => {
    const started = {
      ...milestone('load-started', 5),
      evidence: { include: '["shop.orders"]', exclude: '["shop.s*"]' },
    };
    const log = { ...EMPTY_STATE, seq: 1, epoch: 4, milestones: [started] };
    const taken = status({ load: { name: 'default', log, progress: null } });
    expect(renderStatus(taken, plain)).toContain('takes --include shop.orders --exclude shop.s*');
  });

  it('names unique indexes of the target that kept documents out', () => {
    const email = { namespace: 'shop.orders', index: 'email_1', met: 12, solved: 9, refused: 0 };
    const log = { ...EMPTY_STATE, seq: 1, epoch: 4, milestones: [milestone('load-started', 5)] };
    const load = { name: 'default', log, progress: null };
    expect(renderStatus(status({ load }), plain)).not.toContain('unique index');
    expect(renderStatus(status({ load: { ...load, conflicts: [email] } }), plain)).toContain(
      '         unique index shop.orders email_1: kept documents out 12 times, 9 written later, 0 refused',
    );
  });

  it('doubts a capture that has been silent', () => {
    expect(renderStatus(status({ now: AT + 200_000 }), plain)).toContain(
      'last commit 1m 40s ago, not running?',
    );
  });

  const cutOver = {
    ...EMPTY_STATE,
    seq: 4,
    milestones: [milestone('load-started', 1), milestone('cutover', 60)],
  };
  const done = { name: 'default', log: cutOver, progress: null };

  it('shows a finished migration as finished, however long ago its capture ended', () => {
    const over = { ...inSnapshot, milestones: [milestone('snapshot-completed', 1)] };
    const text = renderStatus(
      status({ stream: over, load: done, now: AT + 9_000_000, sourceTime: clusterTime(T + 9000, 1) }),
      plain,
    );
    expect(text).toContain('load     cutover  finished at 2026-11-20 10:01:00 UTC: the target is on its own');
    expect(text).not.toMatch(/not running|lag|give --target/);
  });

  it('tells which side gave no answer, beside what the bucket knows', () => {
    const unreachable = [
      { side: 'target', code: 'MONGO_UNREACHABLE', message: 'nobody at db:27017', hint: 'Is it up?' },
    ] as const;
    const text = renderStatus(
      status({ unreachable, load: { ...done, log: { ...cutOver, milestones: [] } } }),
      plain,
    );
    expect(text).toContain('target   no answer  MONGO_UNREACHABLE: nobody at db:27017\n         Is it up?');
    expect(text).toContain('400 of 1,010 documents');
    expect(text).toContain('its progress stands on the target');
  });

  it.each([24, 12])('keeps its top on a terminal of 80 columns and %i rows', (rows) => {
    const collections = Array.from({ length: 60 }, (_, index) => collection(`shop.c${index}`));
    const milestones = Array.from({ length: 50 }, (_, index) => milestone('caught-up', index));
    const stream = {
      ...inSnapshot,
      collections: new Map(collections.map((each) => [each.namespace, each])),
      milestones,
    };
    const lines = renderStatus(status({ stream }), plain, { rows, columns: 80 }).split('\n');
    const height = lines.reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / 80)), 0);
    // The cursor stays on the line below.
    expect(height).toBeLessThan(rows);
    expect(height).toBeGreaterThan(rows - 4);
    expect(lines[0]).toBe('stream default  /b');
    if (rows < 24) return;
    const shown = lines.filter((line) => line.startsWith('shop.c')).length;
    expect(lines).toContain(`and ${60 - shown} more`);
    expect(lines.at(-1)).toContain('10:00:49');
  });
});
