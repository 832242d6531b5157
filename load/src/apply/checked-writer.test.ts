import { buildDocument, date, int32 } from '@waybill/shared/bson/build';
import { BsonType, elements, type RawElement } from '@waybill/shared/bson/raw';
import { documentId } from '@waybill/shared/bson/statement';
import { FIRESTORE_POISON } from '@waybill/test/support/poison/firestore';
import { expect, it } from 'vitest';
import { FIRESTORE } from '../target/profiles/firestore.ts';
import { MONGODB } from '../target/profiles/mongodb.ts';
import { rulesFor } from '../target/rules/documents.ts';
import type { Batch, Write } from './batch.ts';
import { checkedWriter } from './checked-writer.ts';
import type { DocumentWriter } from './writer.ts';

const server = { maxBsonObjectSize: 16 << 20, fields: new Set<string>() };
const scope = {
  namespace: 'a.b',
  source: 'a.b',
  bypassValidation: false,
  keepsOrder: false,
  placement: { paths: [] },
};
const origin = {
  placesOf: ({ record }: Write) => [{ segment: 's', lane: 0, sequence: record }],
};

/** The last document that `sent` holds of each call, and what the writer was asked. */
function writer(rules = rulesFor(FIRESTORE.documents, server)) {
  const sent: { readonly call: string; readonly documents: readonly Uint8Array[] }[] = [];
  const keep = (call: string) => (batch: Batch) => {
    sent.push({ call, documents: batch.writes.map(({ id, document }) => document ?? id.bytes) });
  };
  const inner: DocumentWriter = {
    insert: async ({ documents }) => {
      sent.push({ call: 'insert', documents });
      return [];
    },
    insertNew: async (batch) => {
      keep('insertNew')(batch);
      return { wrong: 0, refusals: [] };
    },
    replace: async (batch) => {
      keep('replace')(batch);
      return { wrong: 0, refusals: [] };
    },
    upsert: async (batch) => {
      keep('upsert')(batch);
      return [];
    },
    remove: async (batch) => {
      keep('remove')(batch);
      return [];
    },
  };
  return { inner, checked: checkedWriter(inner, rules), sent };
}

const poison = FIRESTORE_POISON.map(({ violating }) => violating);
const sound = FIRESTORE_POISON.map(({ allowed }) => allowed);
const rules = FIRESTORE_POISON.map(({ rule }) => rule);
const writesOf = (documents: readonly Buffer[]): Write[] =>
  documents.map((document, record) => ({ id: documentId(document), document, record }));

it('costs nothing where the target takes all that MongoDB takes', () => {
  const { inner, checked } = writer(rulesFor(MONGODB.documents, server));
  expect(checked).toBe(inner);
});

it('keeps poison of a segment away, and sends its neighbours', async () => {
  const { checked, sent } = writer();
  const mixed = poison.flatMap((document, at) => [document, sound[at]!]);
  const refusals = await checked.insert({ scope, documents: mixed, origin, first: 1000 });
  expect(sent).toEqual([{ call: 'insertNew', documents: sound }]);
  expect(refusals.map(({ rule }) => rule)).toEqual(rules);
  expect(refusals.map(({ document }) => document)).toEqual(poison);
  expect(refusals[1]).toMatchObject({
    by: 'check',
    kind: 'insert',
    code: undefined,
    attempts: 0,
    namespace: 'a.b',
    places: [{ sequence: 1002 }],
  });
  await checked.insert({ scope, documents: sound, origin, first: 0 });
  expect(sent[1]).toEqual({ call: 'insert', documents: sound });
});

it('keeps poison of changes away', async () => {
  const { checked, sent } = writer();
  const batch = { scope, writes: writesOf([sound[0]!, poison[3]!, sound[1]!]), origin };
  const refusal = { by: 'check', places: [{ sequence: 1 }] };
  expect(await checked.upsert(batch)).toMatchObject([{ ...refusal, kind: 'update' }]);
  expect(await checked.insertNew(batch)).toMatchObject({ refusals: [{ ...refusal, kind: 'insert' }] });
  expect(await checked.replace(batch)).toMatchObject({ refusals: [{ ...refusal, kind: 'update' }] });
  const documents = sound.slice(0, 2);
  expect(sent).toEqual(['upsert', 'insertNew', 'replace'].map((call) => ({ call, documents })));
});

it('sends nothing where nothing is left', async () => {
  const { checked, sent } = writer();
  const batch = { scope, writes: writesOf(poison), origin };
  expect(await checked.upsert(batch)).toHaveLength(poison.length);
  expect((await checked.insertNew(batch)).refusals).toHaveLength(poison.length);
  expect((await checked.replace(batch)).refusals).toHaveLength(poison.length);
  expect(sent).toEqual([]);
});

it('counts a delete as done where the target can have no such _id', async () => {
  const { checked, sent } = writer();
  const deletion = (id: RawElement): Write => ({ id, document: null, record: 0 });
  expect(await checked.remove({ scope, writes: [deletion(date(1))], origin })).toEqual([]);
  expect(sent).toEqual([]);
  await checked.remove({ scope, writes: [deletion(date(1)), deletion(int32(7))], origin });
  expect(sent).toEqual([{ call: 'remove', documents: [int32(7).bytes] }]);
});

it('puts the options of regular expressions in order, at any depth', async () => {
  const { checked, sent } = writer();
  const regex = (options: string): RawElement => ({
    type: BsonType.regex,
    bytes: Buffer.from(`^a\0${options}\0`),
  });
  const made = (options: string): Buffer => {
    const inner = buildDocument([['r', regex(options)]]);
    return buildDocument([
      ['_id', int32(1)],
      [
        'd',
        { type: BsonType.array, bytes: buildDocument([['0', { type: BsonType.document, bytes: inner }]]) },
      ],
      ['e', regex('')],
    ]);
  };
  expect(await checked.insert({ scope, documents: [made('xims'), made('mi')], origin, first: 0 })).toEqual(
    [],
  );
  expect(await checked.upsert({ scope, writes: writesOf([made('iim')]), origin })).toEqual([]);
  expect(sent.map(({ documents }) => documents)).toEqual([[made('imsx'), made('im')], [made('im')]]);
  expect([...elements(made('im'))]).toHaveLength(3);
});

it('holds documents to the size that the server says', async () => {
  const { checked } = writer(rulesFor(MONGODB.documents, { ...server, maxBsonObjectSize: 100 }));
  const sized = (bytes: number): Buffer =>
    buildDocument([
      ['_id', int32(bytes)],
      ['x', { type: BsonType.binary, bytes: binaryOf(bytes - 22) }],
    ]);
  expect([sized(100).length, sized(101).length]).toEqual([100, 101]);
  const refusals = await checked.upsert({ scope, writes: writesOf([sized(100), sized(101)]), origin });
  expect(refusals).toMatchObject([{ rule: 'document-size', id: int32(101) }]);
});

function binaryOf(bytes: number): Buffer {
  const value = Buffer.alloc(5 + bytes);
  value.writeInt32LE(bytes);
  return value;
}
