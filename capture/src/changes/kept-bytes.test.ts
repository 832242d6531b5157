import { clusterTime } from '@waybill/shared/base/position';
import { buildDocument, doc, fromObject, string, timestamp } from '@waybill/shared/bson/build';
import { NamespaceFilter } from '@waybill/shared/mongo/facts/namespace-filter';
import { describe, expect, it } from 'vitest';
import { KnownCollections } from '../catalog/known-collections.ts';
import type { PipelineUnit } from '../commit/units.ts';
import type { PackedChangeEvent } from '../event/change-event.ts';
import { readChangeEvent } from '../event/read-change-event.ts';
import { EventChange } from '../record/event-change.ts';
import { Intake, type IntakeOptions } from './intake.ts';
import { Sealer } from './sealing.ts';

const KIB = 1024;
const time = clusterTime(100, 1);

function event(collection: string, id: number, bytes: number): Buffer {
  return buildDocument([
    ['_id', doc(fromObject({ _data: `token ${id}` }))],
    ['operationType', string('insert')],
    ['clusterTime', timestamp(time)],
    ['ns', doc(fromObject({ db: 's', coll: collection }))],
    ['documentKey', doc(fromObject({ _id: id }))],
    ['fullDocument', doc(fromObject({ _id: id, pad: 'x'.repeat(bytes) }))],
  ]);
}

/** As a reply has them: one piece of memory. */
function reply(documents: readonly Buffer[]): { events: PackedChangeEvent[]; bytes: number } {
  const source = Buffer.allocUnsafeSlow(documents.reduce((sum, { length }) => sum + length, 0));
  const events: PackedChangeEvent[] = [];
  let at = 0;
  for (const document of documents) {
    document.copy(source, at);
    events.push(readChangeEvent(source, at));
    at += document.length;
  }
  return { events, bytes: source.length };
}

/** What waits for its commit after such replies, and the memory that it keeps alive. */
async function waiting(
  replies: readonly { events: PackedChangeEvent[]; bytes: number }[],
): Promise<{ ids: number[]; kept: number; counted: number }> {
  const position = { clusterTime: time, resumeToken: null, taken: 0, lastEvent: null };
  const sealer = new Sealer({ commitSize: 1e9, transactionBytes: 1e9, commitInterval: 1e9 }, position);
  const units: PipelineUnit[] = [];
  const known = new KnownCollections([]);
  const intake = new Intake({
    identity: { lanes: 4, images: 'none' },
    filter: new NamespaceFilter({ include: ['s.inc*'] }),
    known,
    sealer,
    hasUuids: true,
    repeated: null,
  } as Partial<IntakeOptions> as IntakeOptions);
  for (const each of replies) for await (const unit of intake.take(each)) units.push(unit);
  const counted = sealer.bytes;
  units.push(...sealer.sealAll());
  const changes = units.flatMap((unit) => (unit.kind === 'changes' ? unit.changes : []));
  const tokens = units.flatMap((unit) => unit.position.resumeToken ?? []);
  const memory = new Set<ArrayBufferLike>(tokens.map(({ buffer }) => buffer));
  for (const change of changes) if (change instanceof EventChange) memory.add(change.source.buffer);
  const ids = changes.map(({ document }) => Buffer.from(document ?? []).readInt32LE(9));
  return { ids, counted, kept: [...memory].reduce((sum, { byteLength }) => sum + byteLength, 0) };
}

describe('what waits for its commit', () => {
  it('does not keep replies alive of which little is captured', async () => {
    const replies = Array.from({ length: 20 }, (_, n) =>
      reply([event('other', 0, 500 * KIB), event('inc', n, 100), event('other', 0, 500 * KIB)]),
    );
    const { ids, counted, kept } = await waiting(replies);
    expect(ids).toEqual(replies.map((_, n) => n));
    // The token of a position comes from the pool.
    expect(kept).toBeLessThan(2 * counted + Buffer.poolSize);
  });

  it('is not copied where most of a reply is captured', async () => {
    const whole = reply([event('inc', 1, KIB), event('inc', 2, KIB), event('other', 0, KIB)]);
    const { ids, kept } = await waiting([whole]);
    expect(ids).toEqual([1, 2]);
    expect(kept).toBeGreaterThanOrEqual(whole.bytes);
  });
});
