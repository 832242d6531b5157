import { EVERYTHING, SAMPLES } from '@waybill/test/support/bson/samples';
import { expect, test } from 'vitest';
import {
  array,
  boolean,
  buildArray,
  buildDocument,
  doc,
  fromObject,
  int32,
  nullValue,
  string,
  timestamp,
} from './build.ts';
import { assertDocument } from './raw.ts';
import {
  deleteStatement,
  documentId,
  hasTopLevelZeroTimestamp,
  replaceStatement,
  startsWithDollar,
} from './statement.ts';

test.each(Object.entries(SAMPLES))('replace and delete by an _id of type %s', (_, id) => {
  const document = buildDocument([
    ['_id', id],
    ['x', doc(EVERYTHING)],
  ]);
  const replace = replaceStatement(documentId(document), document);
  const query = id === SAMPLES.regex ? doc(buildDocument([['$eq', id]])) : id;
  const q = doc(buildDocument([['_id', query]]));
  expect(replace).toEqual(
    buildDocument([
      ['q', q],
      ['u', doc(document)],
      ['upsert', boolean(true)],
      ['multi', boolean(false)],
    ]),
  );
  expect(deleteStatement(documentId(document))).toEqual(
    buildDocument([
      ['q', q],
      ['limit', int32(1)],
    ]),
  );
});

test('an embedded _id that starts with a dollar is compared, not run', () => {
  const id = doc(fromObject({ $gt: 1 }));
  const statement = deleteStatement(id);
  assertDocument(statement);
  expect(statement).toEqual(
    buildDocument([
      ['q', doc(buildDocument([['_id', doc(buildDocument([['$eq', id]]))]]))],
      ['limit', int32(1)],
    ]),
  );
});

test('a document that starts with a dollar goes as a pipeline', () => {
  const document = fromObject({ $set: 1, _id: 5 });
  expect(startsWithDollar(document)).toBe(true);
  const stage = fromObject({ $replaceWith: { $literal: doc(document) } });
  expect(replaceStatement(documentId(document), document)).toEqual(
    buildDocument([
      ['q', doc(fromObject({ _id: 5 }))],
      ['u', array(buildArray([doc(stage)]))],
      ['upsert', boolean(true)],
      ['multi', boolean(false)],
    ]),
  );
});

test('only the first name counts', () => {
  expect(startsWithDollar(fromObject({ _id: 1, $set: 1 }))).toBe(false);
  expect(startsWithDollar(fromObject({}))).toBe(false);
  expect(startsWithDollar(buildDocument([['', nullValue]]))).toBe(false);
});

test('_id is found first, later, and not', () => {
  expect(documentId(fromObject({ _id: 'a', x: 1 })).bytes).toEqual(string('a').bytes);
  expect(documentId(fromObject({ x: 1, _id: 'a' })).bytes).toEqual(string('a').bytes);
  expect(documentId(fromObject({ _idx: 1, _id: 'a' })).bytes).toEqual(string('a').bytes);
  const invalid = expect.objectContaining({ code: 'DOCUMENT_INVALID' });
  expect(() => documentId(fromObject({ x: 1 }))).toThrow(invalid);
  expect(() => documentId(fromObject({ _id: 'abc' }).subarray(0, 14))).toThrow(invalid);
});

test('zero timestamps count at the top level only', () => {
  const zero = timestamp(0n);
  expect(hasTopLevelZeroTimestamp(fromObject({ _id: 1, t: zero }))).toBe(true);
  expect(hasTopLevelZeroTimestamp(fromObject({ _id: 1, t: timestamp(1n), n: 0n }))).toBe(false);
  expect(hasTopLevelZeroTimestamp(fromObject({ _id: 1, in: { t: zero }, list: [zero] }))).toBe(false);
});
