import { silentLogger } from '@waybill/shared/base/logger';
import { createMetrics } from '@waybill/shared/base/metrics';
import { createLoadStats } from '@waybill/shared/base/stats';
import { buildDocument, int32 } from '@waybill/shared/bson/build';
import { describe, expect, it } from 'vitest';
import { Gate } from '../rate/gate.ts';
import { Learnt } from '../target/learnt.ts';
import { NO_RAMP } from '../target/rules/rate.ts';
import type { LoadTarget, StatementFailure, WriteBatch, WriteResult } from '../target/target.ts';
import type { Origin, Write } from './batch.ts';
import { Writer } from './writer.ts';

const scope = {
  namespace: 'a.b',
  source: 'a.b',
  bypassValidation: false,
  keepsOrder: false,
  placement: { paths: [] },
};
const origin: Origin = { placesOf: ({ record }) => [{ segment: 's', lane: 1, sequence: record }] };
const document = (id: number): Buffer => buildDocument([['_id', int32(id)]]);
const write = (id: number): Write => ({ id: int32(id), document: document(id), record: 1000 + id });

/** Refuses what `refuse` gives a failure for, asked with the statement's index in its command. */
function writerTo(refuse: (batch: WriteBatch, index: number) => Partial<StatementFailure> | undefined): {
  readonly writer: Writer;
  readonly commands: readonly WriteBatch[];
} {
  const commands: WriteBatch[] = [];
  const target = {
    profile: { errors: [] },
    limits: { batchStatements: 1000, batchBytes: 1 << 20 },
    learnt: new Learnt(),
    capabilities: {
      keepsEmptyTimestamps: true,
      altersEmptyTimestamps: false,
      convertsToUnique: true,
      hidesIndexes: true,
    },
    async write(batch: WriteBatch): Promise<WriteResult> {
      commands.push(batch);
      const failures = batch.statements.flatMap((_, index): StatementFailure[] => {
        const failure = refuse(batch, index);
        if (!failure) return [];
        const plain = { code: 121, message: 'no', duplicateId: false, indexName: undefined };
        return [{ ...plain, index, ...failure }];
      });
      return { n: batch.statements.length - failures.length, failures };
    },
  };
  const { signal } = new AbortController();
  const stats = createLoadStats();
  const writer = new Writer({
    target: target as unknown as LoadTarget,
    ownership: { held: async () => undefined, tag: { load: 'default', epoch: 1 } },
    indexes: { free: async () => false, setAside: async () => 'none' },
    gate: new Gate({ workers: 6, rules: NO_RAMP, pace: stats.pace, logger: silentLogger, signal }),
    stats,
    metrics: createMetrics(),
    logger: silentLogger,
    keepLearnt: async () => undefined,
    signal,
  });
  return { writer, commands };
}

describe('what the target refuses comes back with the place of its record', () => {
  it('from a snapshot segment, while the rest is written', async () => {
    const duplicate = { code: 11000, duplicateId: true, indexName: '_id_' };
    const { writer, commands } = writerTo(({ kind }, index) => {
      if (kind === 'update') return index === 1 ? {} : undefined;
      return { 3: {}, 5: duplicate, 7: duplicate }[index];
    });
    const documents = Array.from({ length: 10 }, (_, id) => document(id));
    const refusals = await writer.insert({ scope, documents, origin, first: 1000 });
    expect(commands.map(({ kind, statements }) => [kind, statements.length])).toEqual([
      ['insert', 10],
      ['update', 2],
    ]);
    expect(refusals).toMatchObject([
      { kind: 'insert', namespace: 'a.b', code: 121, reason: 'no', places: [{ sequence: 1003 }] },
      { kind: 'update', places: [{ sequence: 1007 }] },
    ]);
    expect(refusals[0]).toMatchObject({ by: 'target', rule: 'server-121', attempts: 1 });
    expect(refusals.map((refusal) => refusal.document)).toEqual([document(3), document(7)]);
  });

  it('from inserts, replacements, upserts and deletes of changes', async () => {
    const { writer } = writerTo((_, index) => (index === 1 ? { code: 121 } : undefined));
    const batch = { scope, writes: [write(1), write(2), write(3)], origin };
    const refused = [{ id: int32(2), places: [{ segment: 's', lane: 1, sequence: 1002 }] }];
    expect(await writer.insertNew(batch)).toMatchObject({ wrong: 1, refusals: refused });
    expect(await writer.replace(batch)).toMatchObject({ wrong: 0, refusals: refused });
    expect(await writer.upsert(batch)).toMatchObject(refused);
    expect(await writer.remove(batch)).toMatchObject(refused);
  });

  it('from a document that is deleted and written anew', async () => {
    const { writer, commands } = writerTo(({ kind }) =>
      kind === 'update' ? { code: 66 } : kind === 'insert' ? { code: 121 } : undefined,
    );
    const refusals = await writer.upsert({ scope, writes: [write(4)], origin });
    expect(commands.map(({ kind }) => kind)).toEqual(['update', 'delete', 'insert']);
    expect(refusals).toMatchObject([{ kind: 'insert', code: 121, places: [{ sequence: 1004 }] }]);
  });

  it('is nothing where nothing is refused', async () => {
    const { writer } = writerTo(() => undefined);
    const batch = { scope, writes: [write(1)], origin };
    expect(await writer.upsert(batch)).toEqual([]);
    expect(await writer.insertNew(batch)).toEqual({ wrong: 0, refusals: [] });
  });
});
