import { silentLogger } from '@waybill/shared/base/logger';
import type { Milestone } from '@waybill/shared/manifest/commit';
import { EMPTY_STATE, type StreamState } from '@waybill/shared/manifest/state';
import { describe, expect, it } from 'vitest';
import { controlOf, noteOf, type Word } from './control.ts';
import type { RateLimit } from './limit.ts';
import { Obeying } from './obeying.ts';

const RATE: RateLimit = { documents: 2000, bytes: null };
const OBEYED = { name: 'obeyed', at: '', clusterTime: null, sequence: null } as const;
const logOf = (...milestones: readonly Milestone[]): StreamState => ({ ...EMPTY_STATE, seq: 1, milestones });
const set = (rate: RateLimit | null): Milestone => noteOf({ kind: 'rate-set', rate });
const say = (kind: 'paused' | 'resumed'): Milestone => noteOf({ kind });

describe('what a log tells a load', () => {
  it.each<[string, readonly Milestone[], ReturnType<typeof controlOf>]>([
    ['nothing', [], { limit: null, paused: false, isObeyed: true }],
    ['a rate', [set(RATE)], { limit: RATE, paused: false, isObeyed: false }],
    [
      'the last rate',
      [set(RATE), OBEYED, set({ documents: null, bytes: 9 })],
      {
        limit: { documents: null, bytes: 9 },
        paused: false,
        isObeyed: false,
      },
    ],
    [
      'no limit',
      [set({ documents: null, bytes: null }), OBEYED],
      {
        limit: { documents: null, bytes: null },
        paused: false,
        isObeyed: true,
      },
    ],
    ['back to the start', [set(RATE), set(null)], { limit: null, paused: false, isObeyed: false }],
    [
      'a pause, whatever the rate',
      [say('paused'), set(RATE)],
      { limit: RATE, paused: true, isObeyed: false },
    ],
    [
      'the end of a pause',
      [say('paused'), OBEYED, say('resumed')],
      {
        limit: null,
        paused: false,
        isObeyed: false,
      },
    ],
  ])('%s', (_what, milestones, control) => {
    expect(controlOf(logOf(...milestones))).toEqual(control);
  });
});

/** A load with its log and its gate, which only remembers. */
function obeyingLoad(startLimit: RateLimit | null, before: readonly Milestone[] = []) {
  const told: unknown[] = [];
  let records = 0;
  const milestones: Milestone[] = [...before];
  const late: Milestone[] = [];
  const obeying = new Obeying({
    log: {
      get state() {
        return logOf(...milestones);
      },
      recordAll: async (added) => {
        records++;
        // Somebody's note may win the number before.
        milestones.push(...late.splice(0));
        for (const each of added) milestones.push({ ...each, at: '' });
      },
    },
    gate: { setLimit: (limit) => told.push(limit), setPaused: (paused) => told.push(paused) },
    startLimit,
    logger: silentLogger,
  });
  const hear = async (...words: readonly Word[]): Promise<void> => {
    milestones.push(...words.map(noteOf));
    await obeying.obey();
  };
  return { obeying, told, late, hear, records: () => records };
}

describe('a load that obeys', () => {
  it('begins with the rate of its start, and records nothing', async () => {
    const load = obeyingLoad(RATE);
    await load.obeying.begin();
    expect([load.told, load.records()]).toEqual([[RATE], 0]);
  });

  it('goes by what control set before its start', async () => {
    const slower = { documents: 100, bytes: null };
    const load = obeyingLoad(RATE, [set(slower), say('paused')]);
    await load.obeying.begin();
    expect([load.told, load.records()]).toEqual([[slower, true], 1]);
    await load.obeying.obey();
    expect(load.records()).toBe(1);
  });

  it('acts on each word once, and goes back to its start', async () => {
    const load = obeyingLoad(RATE);
    await load.obeying.begin();
    await load.hear({ kind: 'paused' });
    await load.hear({ kind: 'rate-set', rate: { documents: null, bytes: null } }, { kind: 'resumed' });
    await load.hear({ kind: 'rate-set', rate: null });
    expect(load.told).toEqual([RATE, true, { documents: null, bytes: null }, false, RATE]);
    expect(load.records()).toBe(3);
  });

  it('acts on a word that came in before its record', async () => {
    const load = obeyingLoad(null);
    load.late.push(say('paused'));
    await load.hear({ kind: 'rate-set', rate: RATE });
    expect(load.told).toEqual([RATE, true]);
  });
});
