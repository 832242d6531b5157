/** For each rule of the stand-in for Firestore, a command that breaks it and one that keeps it. */
import * as b from '@waybill/shared/bson/build';
import type { RawElement } from '@waybill/shared/bson/raw';
import { insert, type RuleCase, replace } from './rule-cases.ts';

const nested = (levels: number): b.Plain => (levels === 1 ? 1 : { a: nested(levels - 1) });
export const regex = (options: string): RawElement => ({
  type: 0x0b,
  bytes: Buffer.from(`x\0${options}\0`),
});
const dbPointer: RawElement = {
  type: 0x0c,
  bytes: Buffer.concat([b.string('a.b').bytes, Buffer.alloc(12)]),
};
export const index = (key: b.Plain, more: { readonly [name: string]: b.Plain } = {}): b.Plain => ({
  key,
  name: 'one',
  ...more,
});

let ids = 0;
const withId = (_id: b.Plain): b.Plain => ({ _id });
export const holding = (v: b.Plain): b.Plain => ({ _id: ++ids, v });

export const FIRESTORE_CASES: readonly RuleCase[] = [
  ...[{ type: 6, bytes: Buffer.alloc(0) }, b.symbol('x'), b.code('x')].map((value) => ({
    rule: 'bson-type',
    code: 2,
    refused: insert(holding(value)),
    passes: insert(holding(b.minKey), holding(b.maxKey)),
  })),
  { rule: 'bson-type', code: 2, refused: insert(holding([{ deep: dbPointer }])) },
  {
    rule: 'dbref',
    code: 2,
    refused: insert(holding({ $ref: 'a', $id: 1 })),
    passes: insert(holding({ ref: 'a' })),
  },
  ...[new Date(0), true, null, b.minKey, b.timestamp(1n), { a: new Date(0) }, { a: [null] }].map((id) => ({
    rule: 'id-type',
    code: 2,
    refused: insert(withId(id)),
  })),
  {
    rule: 'id-type',
    code: 2,
    refused: replace({ _id: new Date(1) }),
    passes: insert(...[1001, 1002n, 1.5, 'x', b.binary(0, Buffer.alloc(3)), { a: [1, 'x'] }].map(withId)),
  },
  {
    rule: 'id-size',
    code: 2,
    refused: insert(withId('x'.repeat(1501))),
    passes: insert(withId('x'.repeat(1500))),
  },
  { rule: 'id-name', code: 2, refused: insert(withId('__x__')), passes: insert(withId('__x')) },
  { rule: 'field-name', code: 2, refused: insert({ _id: ++ids, '': 1 }) },
  {
    rule: 'field-name',
    code: 2,
    refused: insert(holding([{ __x__: 1 }])),
    passes: insert(holding({ __x: 1 })),
  },
  {
    rule: 'field-name',
    code: 2,
    refused: insert({ _id: ++ids, ['x'.repeat(1501)]: 1 }),
    passes: insert({ _id: ++ids, ['x'.repeat(1500)]: 1 }),
  },
  {
    rule: 'dollar-name',
    code: 52,
    refused: replace({ _id: ++ids, v: { $x: 1 } }),
    passes: insert(holding({ $x: 1 })),
  },
  { rule: 'depth', code: 2, refused: insert(holding(nested(22))), passes: insert(holding(nested(21))) },
  {
    rule: 'date-range',
    code: 2,
    refused: insert(holding(b.date(-62_135_596_800_001n))),
    passes: insert(holding(b.date(-62_135_596_800_000n)), holding(b.date(253_402_300_799_999n))),
  },
  { rule: 'date-range', code: 2, refused: insert(holding([b.date(253_402_300_800_000n)])) },
  {
    rule: 'regex-options',
    code: 2,
    refused: insert(holding(regex('l'))),
    passes: insert(holding(regex('ims'))),
  },
  {
    rule: 'one-database',
    code: 13,
    refused: { count: 'things', $db: 'another' },
    passes: { count: 'things' },
  },
  { rule: 'no-admin-collections', code: 13, refused: { ...insert(holding(1)), $db: 'admin' } },
  ...['__a__', 'a$b', 'system.x', 'a.system.b', '', 'x'.repeat(1501)].map((name) => ({
    rule: 'collection-name',
    code: 73,
    refused: { ...insert(holding(1)), insert: name },
    passes: { ...insert(holding(1)), insert: 'a.b' },
  })),
  {
    rule: 'no-retryable-writes',
    code: 20,
    refused: { ...insert(holding(1)), lsid: { id: b.uuid(Buffer.alloc(16, 1)) }, txnNumber: 1n },
    passes: insert(holding(1)),
  },
  {
    rule: 'write-concern',
    code: 2,
    refused: { ...insert(holding(1)), writeConcern: { w: 2 } },
    passes: { ...insert(holding(1)), writeConcern: { w: 'majority' } },
  },
  { rule: 'write-concern', code: 2, refused: { ...insert(holding(1)), writeConcern: { w: 1, j: true } } },
  {
    rule: 'unknown-fields',
    code: 40415,
    refused: { drop: 'others', collectionUUID: b.uuid(Buffer.alloc(16, 1)) },
  },
  { rule: 'unknown-fields', code: 40415, refused: { ...insert(holding(1)), bypassEmptyTsReplacement: true } },
  ...[{ capped: true, size: 1000 }, { viewOn: 'things', pipeline: [] }, { validator: {} }].map((options) => ({
    rule: 'create-options',
    code: 115,
    refused: { create: 'others', ...options },
    passes: { create: 'others' },
  })),
  {
    rule: 'collation-and-let',
    code: 115,
    refused: { find: 'things', collation: { locale: 'en' } },
    passes: { find: 'things' },
  },
  {
    rule: 'collation-and-let',
    code: 115,
    refused: { delete: 'things', deletes: [{ q: { _id: 0 }, limit: 1, collation: { locale: 'en' } }] },
    passes: { delete: 'things', deletes: [{ q: { _id: 0 }, limit: 1 }] },
  },
  {
    rule: 'stages',
    code: 115,
    refused: { aggregate: 'things', pipeline: [{ $out: 'x' }], cursor: {} },
    passes: { aggregate: 'things', pipeline: [{ $match: {} }], cursor: {} },
  },
  {
    rule: 'indexes',
    code: 2,
    refused: { createIndexes: 'things', indexes: [index({ a: 1 }), index({ b: 1 })] },
  },
  ...[
    index({ a: 'hashed' }),
    index({ a: '2d' }),
    index({ '$**': 1 }),
    index({ a: 1 }, { collation: { locale: 'en' } }),
    index({ a: 1 }, { partialFilterExpression: { a: 1 } }),
  ].map((one) => ({
    rule: 'indexes',
    code: 115,
    refused: { createIndexes: 'others', indexes: [one] },
    passes: { createIndexes: 'others', indexes: [index({ a: 1 }, { unique: true })] },
  })),
  {
    rule: 'request-size',
    code: 10334,
    refused: insert(...Array.from({ length: 11 }, () => holding('x'.repeat(1 << 20)))),
    passes: insert(holding('x'.repeat(12 << 20))),
  },
  ...[{ collMod: 'things' }, { dropDatabase: 1 }, { renameCollection: 'a.b', to: 'a.c', $db: 'admin' }].map(
    (refused) => ({ rule: Object.keys(refused)[0]!, code: 115, refused }),
  ),
  { rule: 'bulkWrite', code: 59, refused: { bulkWrite: 1, ops: [], nsInfo: [], $db: 'admin' } },
];
