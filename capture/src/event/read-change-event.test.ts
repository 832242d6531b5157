import { clusterTime } from '@waybill/shared/base/position';
import {
  binary,
  date,
  fromObject,
  int64,
  nullValue,
  type Plain,
  timestamp,
  uuid,
} from '@waybill/shared/bson/build';
import { elements } from '@waybill/shared/bson/raw';
import { expect, test } from 'vitest';
import { joinFragments, readChangeEvent } from './read-change-event.ts';

const invalid = expect.objectContaining({ code: 'DOCUMENT_INVALID' });
const time = clusterTime(1_700_000_000, 3);
const id16 = Buffer.alloc(16, 7);
const base = { _id: { _data: 'token' }, clusterTime: timestamp(time) };
const event = (fields: Record<string, Plain>): Buffer => fromObject({ ...base, ...fields });

test('an update in a transaction, as 8.2 sends it', () => {
  const read = readChangeEvent(
    event({
      operationType: 'update',
      collectionUUID: uuid(id16),
      wallTime: date(1_700_000_000_123),
      fullDocument: { _id: 1, a: 2 },
      ns: { db: 'shop', coll: 'orders.2024' },
      documentKey: { region: 'eu', _id: 1 },
      updateDescription: { updatedFields: { a: 2 }, removedFields: [], truncatedArrays: [] },
      fullDocumentBeforeChange: { _id: 1, a: 1 },
      lsid: { id: uuid(id16), uid: binary(0, Buffer.alloc(32)) },
      txnNumber: int64(2n ** 60n),
      somethingNew: 1,
    }),
  );
  expect(read).toMatchObject({
    operationType: 'update',
    namespace: 'shop.orders.2024',
    to: null,
    documentKey: fromObject({ region: 'eu', _id: 1 }),
    fullDocument: fromObject({ _id: 1, a: 2 }),
    fullDocumentBeforeChange: fromObject({ _id: 1, a: 1 }),
    updateDescription: fromObject({ updatedFields: { a: 2 }, removedFields: [], truncatedArrays: [] }),
    operationDescription: null,
    clusterTime: time,
    wallTime: 1_700_000_000_123,
    transaction: { session: id16, number: 2n ** 60n },
    collectionUuid: id16,
    resumeToken: fromObject({ _data: 'token' }),
    splitEvent: null,
  });
});

test('slices share the memory of the event', () => {
  const bytes = event({ operationType: 'insert', fullDocument: { _id: 1 } });
  const { fullDocument, resumeToken } = readChangeEvent(bytes);
  expect(fullDocument?.buffer).toBe(bytes.buffer);
  expect(resumeToken.buffer).toBe(bytes.buffer);
});

test('a delete as 4.0 sends it: no uuid, no wall time', () => {
  expect(
    readChangeEvent(event({ operationType: 'delete', ns: { db: 'a', coll: 'b' }, documentKey: { _id: 1 } })),
  ).toMatchObject({
    namespace: 'a.b',
    collectionUuid: null,
    wallTime: null,
    transaction: null,
    fullDocument: null,
  });
});

test('namespaces: rename, dropDatabase, invalidate', () => {
  const rename = event({ operationType: 'rename', ns: { db: 'a', coll: 'b' }, to: { db: 'c', coll: 'd.e' } });
  expect(readChangeEvent(rename)).toMatchObject({ namespace: 'a.b', to: 'c.d.e' });
  const drop = event({ operationType: 'dropDatabase', ns: { db: 'a' } });
  expect(readChangeEvent(drop)).toMatchObject({ namespace: 'a', to: null });
  expect(readChangeEvent(event({ operationType: 'invalidate' }))).toMatchObject({ namespace: null });
});

test('an image that the server did not have is null', () => {
  const read = readChangeEvent(
    event({ operationType: 'update', fullDocument: null, fullDocumentBeforeChange: nullValue }),
  );
  expect(read).toMatchObject({ fullDocument: null, fullDocumentBeforeChange: null });
});

test('an unknown type comes back as it is', () => {
  expect(readChangeEvent(event({ operationType: 'reshardThings' })).operationType).toBe('reshardThings');
});

test.each([
  ['no type', fromObject(base)],
  ['no time', fromObject({ _id: {}, operationType: 'insert' })],
  ['no token', fromObject({ clusterTime: timestamp(time), operationType: 'insert' })],
  ['a document that is none', event({ operationType: 'insert', fullDocument: 1 })],
  ['a session that is none', event({ operationType: 'insert', lsid: { id: 5 } })],
  ['cut short', event({ operationType: 'insert' }).subarray(0, 30)],
])('refused: %s', (_, bytes) => {
  expect(() => readChangeEvent(bytes)).toThrow(invalid);
});

test('split events are joined in order', () => {
  const first = event({
    operationType: 'update',
    ns: { db: 'a', coll: 'b' },
    splitEvent: { fragment: 1, of: 2 },
  });
  const second = fromObject({
    _id: { _data: 'token2' },
    splitEvent: { fragment: 2, of: 2 },
    fullDocument: { _id: 1 },
    updateDescription: { updatedFields: {} },
  });
  expect(readChangeEvent(second).splitEvent).toEqual({ fragment: 2, of: 2 });
  const joined = joinFragments([first, second]);
  expect([...elements(joined)].map((el) => el.name)).toEqual([
    '_id',
    'clusterTime',
    'operationType',
    'ns',
    'fullDocument',
    'updateDescription',
  ]);
  expect(readChangeEvent(joined)).toMatchObject({
    resumeToken: fromObject({ _data: 'token2' }),
    operationType: 'update',
    namespace: 'a.b',
    fullDocument: fromObject({ _id: 1 }),
    splitEvent: null,
  });
  for (const wrong of [[], [first], [second, first], [first, first]]) {
    expect(() => joinFragments(wrong)).toThrow(invalid);
  }
});
