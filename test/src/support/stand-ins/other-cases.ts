/** For each rule of the other stand-ins, a command that breaks it and one that keeps it. */
import * as b from '@waybill/shared/bson/build';
import { type Command, insert, type RuleCase } from './rule-cases.ts';

let ids = 0;
const one = (more: Command = {}): Command => ({ ...insert({ _id: ++ids }), ...more });
const session = { lsid: { id: b.uuid(Buffer.alloc(16, 7)) }, txnNumber: 1n };
const ENGLISH = { locale: 'en' };
const index = (key: b.Plain, more: { readonly [name: string]: b.Plain } = {}): b.Plain => ({
  key,
  name: `index ${++ids}`,
  ...more,
});
const build = (...indexes: readonly b.Plain[]): Command => ({ createIndexes: `built_${++ids}`, indexes });

const noRetryableWrites = (code: number): RuleCase => ({
  rule: 'no-retryable-writes',
  code,
  refused: one(session),
  passes: one({ lsid: session.lsid }),
});
const noCollation = (code: number): readonly RuleCase[] => [
  {
    rule: 'no-collation',
    code,
    refused: build(index({ a: 1 }, { collation: ENGLISH })),
    passes: build(index({ a: 1 })),
  },
  {
    rule: 'no-collation',
    code,
    refused: { create: `made_${++ids}`, collation: ENGLISH },
    passes: { create: `made_${++ids}` },
  },
];
const createOptions = (code: number, ...options: readonly Command[]): readonly RuleCase[] =>
  options.map((option) => ({
    rule: 'create-options',
    code,
    refused: { create: `made_${++ids}`, ...option },
    passes: { create: `made_${++ids}` },
  }));
const CAPPED = { capped: true, size: 100_000 };
const TIME_SERIES = { timeseries: { timeField: 'at' } };

export const DOCUMENTDB_CASES: readonly RuleCase[] = [
  noRetryableWrites(301),
  ...noCollation(303),
  ...createOptions(303, CAPPED, TIME_SERIES, { viewOn: 'things', pipeline: [] }),
  { rule: 'bulkWrite', code: 303, refused: { bulkWrite: 1, ops: [], nsInfo: [], $db: 'admin' } },
];

export const FLEX_CASES: readonly RuleCase[] = [
  { rule: 'replSetGetConfig', code: 8000, refused: { replSetGetConfig: 1, $db: 'admin' } },
  { rule: 'getParameter', code: 8000, refused: { getParameter: '*', $db: 'admin' }, passes: { ping: 1 } },
  {
    rule: 'no-local-database',
    code: 8000,
    refused: { count: 'oplog.rs', $db: 'local' },
    passes: { count: 'things' },
  },
  {
    rule: 'no-operations-of-others',
    code: 8000,
    refused: { aggregate: 1, pipeline: [{ $currentOp: { allUsers: true } }], cursor: {}, $db: 'admin' },
    passes: { aggregate: 1, pipeline: [{ $currentOp: { allUsers: false } }], cursor: {}, $db: 'admin' },
  },
];

export const APSARADB_CASES: readonly RuleCase[] = [
  { rule: 'admin-read-only', code: 13, refused: one({ $db: 'admin' }), passes: one() },
  {
    rule: 'config-unreadable',
    code: 13,
    refused: { find: 'collections', $db: 'config' },
    passes: { find: 'things' },
  },
  { rule: 'eval', code: 59, refused: { eval: '1' } },
];

export const AZURE_CASES: readonly RuleCase[] = [
  noRetryableWrites(20),
  ...createOptions(115, CAPPED, TIME_SERIES),
  {
    rule: 'index-fields',
    code: 67,
    refused: build(index(Object.fromEntries(Array.from({ length: 33 }, (_, n) => [`f${n}`, 1])))),
    passes: build(index(Object.fromEntries(Array.from({ length: 32 }, (_, n) => [`f${n}`, 1])))),
  },
  {
    rule: 'index-count',
    code: 67,
    refused: build(...Array.from({ length: 64 }, (_, n) => index({ [`f${n}`]: 1 }))),
    passes: build(index({ a: 1 }), index({ b: 1 })),
  },
  {
    rule: 'id-size',
    code: 2,
    refused: insert({ _id: 'x'.repeat(2049) }),
    passes: insert({ _id: 'x'.repeat(2048) }),
  },
  { rule: 'bulkWrite', code: 115, refused: { bulkWrite: 1, ops: [], nsInfo: [], $db: 'admin' } },
];

export const UNKNOWN_CASES: readonly RuleCase[] = [
  noRetryableWrites(20),
  ...noCollation(238),
  ...createOptions(238, CAPPED, TIME_SERIES, { validator: { a: 1 } }),
  {
    rule: 'no-transactions',
    code: 238,
    refused: { find: 'things', ...session, autocommit: false, startTransaction: true },
    passes: { find: 'things', lsid: session.lsid },
  },
  ...['comment', 'bypassEmptyTsReplacement', 'bypassDocumentValidation'].map((name) => ({
    rule: 'unknown-fields',
    code: 40415,
    refused: one({ [name]: true }),
    passes: one(),
  })),
  { rule: 'collMod', code: 59, refused: { collMod: 'things' } },
];
