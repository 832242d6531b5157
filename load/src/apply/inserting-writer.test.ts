import { fromObject } from '@waybill/shared/bson/build';
import { documentId } from '@waybill/shared/bson/statement';
import { expect, it } from 'vitest';
import { insertsDollarNames } from '../target/rules/writes.ts';
import type { Batch, DocumentBatch } from './batch.ts';
import { InsertingWriter } from './inserting-writer.ts';
import type { Refusal } from './refusal.ts';
import type { DocumentWriter } from './writer.ts';

const scope = {
  namespace: 'a.b',
  source: 'a.b',
  bypassValidation: false,
  keepsOrder: false,
  placement: { paths: [] },
};
const origin = { placesOf: () => [] };
const plain = (id: number): Buffer => fromObject({ _id: id, v: '$v', a$: 1 });
const dollar = (id: number): Buffer =>
  fromObject(id % 2 === 0 ? { _id: id, v: '$', $v: 1 } : { _id: id, v: [{ a: { $v: 1 } }] });
const batchOf = (...documents: Buffer[]): Batch => ({
  scope,
  origin,
  writes: documents.map((document, record) => ({ id: documentId(document), document, record })),
});

/** Notes what reaches the writer behind, by the numbers of the records. */
function writer(undeleted: readonly number[] = []) {
  const calls: (readonly [string, ...number[]])[] = [];
  const note = (name: string, { writes }: Batch) => calls.push([name, ...writes.map(({ record }) => record)]);
  const guessed = (name: string) => async (batch: Batch) => {
    note(name, batch);
    return { wrong: 1, refusals: [] };
  };
  const inner: DocumentWriter = {
    insert: async ({ documents }: DocumentBatch) => {
      calls.push(['insert', documents.length]);
      return [];
    },
    insertNew: guessed('insertNew'),
    replace: guessed('replace'),
    upsert: async (batch) => (await guessed('upsert')(batch)).refusals,
    remove: async (batch) => {
      note('remove', batch);
      return batch.writes
        .filter(({ record }) => undeleted.includes(record))
        .map(({ id }) => ({ id, rule: 'server-1' }) as Refusal);
    },
  };
  return { writer: new InsertingWriter(inner), calls };
}

it('deletes and inserts a document with a name that begins with a dollar sign, and no other', async () => {
  for (const how of ['upsert', 'replace', 'insertNew'] as const) {
    const { writer: subject, calls } = writer();
    await subject[how](batchOf(plain(1), dollar(2), plain(3), dollar(5)));
    expect(calls).toEqual([
      [how, 0, 2],
      ['remove', 1, 3],
      ['insertNew', 1, 3],
    ]);
    await subject[how](batchOf(plain(1)));
    expect(calls.slice(3)).toEqual([[how, 0]]);
  }
});

it('does so with documents of a snapshot', async () => {
  const { writer: subject, calls } = writer();
  const batch = { scope, origin, first: 7 };
  await subject.insert({ ...batch, documents: [plain(1), plain(2)] });
  await subject.insert({ ...batch, documents: [plain(1), dollar(2)] });
  expect(calls).toEqual([
    ['insert', 2],
    ['insertNew', 7],
    ['remove', 8],
    ['insertNew', 8],
  ]);
});

it('inserts nothing over a document that could not be deleted', async () => {
  const { writer: subject, calls } = writer([0]);
  expect(await subject.upsert(batchOf(dollar(1), dollar(2)))).toMatchObject([{ rule: 'server-1' }]);
  expect(calls).toEqual([
    ['remove', 0, 1],
    ['insertNew', 1],
  ]);
});

it('is used where the target takes such a name by no other statement', () => {
  const able = { updatesByPipeline: true };
  const unable = { updatesByPipeline: false };
  expect(insertsDollarNames({ dollarNames: 'insert' }, able)).toBe(true);
  expect([able, unable].map((can) => insertsDollarNames({ dollarNames: 'either' }, can))).toEqual([
    false,
    true,
  ]);
  expect([able, unable].map((can) => insertsDollarNames({ dollarNames: 'pipeline' }, can))).toEqual([
    false,
    false,
  ]);
});
