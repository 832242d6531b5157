/**
 * Reads the envelope of a change stream event from its bytes. It knows what servers of 4.0 to 8.2
 * send: 4.0 has no `wallTime`, `collectionUUID` or `operationDescription`, `invalidate` has no
 * `ns`, and the `ns` of `dropDatabase` has no `coll`. It does not judge the type of the event: the
 * caller must stop at a type that it does not know.
 */
import { buildDocument, doc, type Field } from '@waybill/shared/bson/build';
import {
  BsonType,
  documentSize,
  elements,
  findElement,
  invalidDocument,
  isName,
  nameEnd,
  payloadEnd,
  type RawElement,
} from '@waybill/shared/bson/raw';
import { readUuid } from '@waybill/shared/bson/values';
import { documentAt, NONE, PackedChangeEvent, type Place, UUID_BYTES } from './change-event.ts';
import { expectType, knownNamespace, readNamespace } from './event-namespace.ts';

/** Notes the place of one field's payload, which lies in `source` from `start` to `end`. */
type Reader = (into: PackedChangeEvent, type: number, start: number, end: number) => void;

const FIELDS: Readonly<Record<string, Reader>> = {
  _id: (into, type, start) => {
    into.tokenAt = documentStart(type, start);
  },
  operationType: (into, type, start, end) => {
    expectType(type, BsonType.string);
    into.operationType = operationAt(into.source, start + 4, end - 1);
  },
  clusterTime: (into, type, start) => {
    expectType(type, BsonType.timestamp);
    into.timeAt = start;
  },
  wallTime: (into, type, start) => {
    expectType(type, BsonType.date);
    into.wallTimeAt = start;
  },
  ns: (into, type, start, end) => {
    expectType(type, BsonType.document);
    into.namespace = knownNamespace(into.source, start, end);
  },
  to: (into, type, start) => {
    into.toAt = documentStart(type, start);
    readNamespace(into.source, start);
  },
  documentKey: (into, type, start) => {
    into.keyAt = optionalDocumentAt(type, start);
  },
  fullDocument: (into, type, start) => {
    into.fullDocumentAt = optionalDocumentAt(type, start);
  },
  fullDocumentBeforeChange: (into, type, start) => {
    into.beforeAt = optionalDocumentAt(type, start);
  },
  updateDescription: (into, type, start) => {
    into.updateAt = optionalDocumentAt(type, start);
  },
  operationDescription: (into, type, start) => {
    into.operationDescriptionAt = optionalDocumentAt(type, start);
  },
  lsid: (into, type, start) => {
    into.sessionAt = documentStart(type, start);
    readUuid(findElement(documentAt(into.source, start)!, 'id'));
  },
  txnNumber: (into, type, start) => {
    expectType(type, BsonType.int64);
    into.transactionNumberAt = start;
  },
  collectionUUID: (into, type, start, end) => {
    readUuidAt(into.source, type, start, end);
    into.uuidAt = start + 5;
  },
  splitEvent: (into, type, start) => {
    into.splitAt = documentStart(type, start);
  },
};

function documentStart(type: number, start: number): Place {
  expectType(type, BsonType.document);
  return start;
}

/** The server sends null for an image that is not there. */
function optionalDocumentAt(type: number, start: number): Place {
  return type === BsonType.null ? NONE : documentStart(type, start);
}

/** Checks for a length, subtype 4, and as many bytes as a UUID has. */
function readUuidAt(b: Buffer, type: number, start: number, end: number): void {
  if (type === BsonType.binary && end - start === 5 + UUID_BYTES && b[start + 4] === 4) return;
  readUuid({ type, bytes: b.subarray(start, end) });
}

const OPERATIONS = ['insert', 'update', 'delete', 'replace'].map((text) => ({
  text,
  bytes: Buffer.from(text),
}));

function operationAt(b: Buffer, start: number, end: number): string {
  for (const { text, bytes } of OPERATIONS) if (isName(b, start, end, bytes)) return text;
  return b.toString('utf8', start, end);
}

interface KnownField {
  readonly name: Uint8Array;
  readonly read: Reader;
}

/** The known fields by the length of their names, so that finding one compares few names. */
const BY_LENGTH: readonly (readonly KnownField[])[] = Array.from({ length: 32 }, (_, length) =>
  Object.entries(FIELDS)
    .filter(([name]) => name.length === length)
    .map(([name, read]) => ({ name: Buffer.from(name), read })),
);

function knownField(b: Uint8Array, from: number, to: number): KnownField | undefined {
  const candidates = BY_LENGTH[to - from];
  if (candidates === undefined) return undefined;
  for (const field of candidates) {
    if (isName(b, from, to, field.name)) return field;
  }
  return undefined;
}

/**
 * Reads the event that starts at `start`. Throws DOCUMENT_INVALID if a field has an unexpected type
 * or a needed field is missing. Ignores fields that are not listed.
 */
export function readChangeEvent(source: Buffer, start = 0): PackedChangeEvent {
  const size = documentSize(source, start);
  const into = new PackedChangeEvent(source, start, size);
  const limit = start + size - 1;
  let o = start + 4;
  while (o < limit) {
    const type = source[o]!;
    const zero = nameEnd(source, o + 1, limit);
    const end = payloadEnd(source, type, zero + 1, limit);
    const field = knownField(source, o + 1, zero);
    if (field) field.read(into, type, zero + 1, end);
    o = end;
  }
  if (into.tokenAt < 0) throw invalidDocument('a change event has no _id');
  if (into.splitAt < 0) {
    if (into.operationType === '') throw invalidDocument('a change event has no operationType');
    if (into.timeAt < 0) throw invalidDocument('a change event has no clusterTime');
  }
  return into;
}

/**
 * Joins all fragments of an event, in order. The result has every field once, the last fragment's
 * resume token and no `splitEvent`. It may be longer than 16 MiB. Throws DOCUMENT_INVALID if a
 * fragment is missing or out of order.
 */
export function joinFragments(fragments: readonly Buffer[]): Buffer {
  const fields: Field[] = [];
  let token: RawElement | undefined;
  for (const [index, fragment] of fragments.entries()) {
    const { splitEvent, resumeToken } = readChangeEvent(fragment);
    if (splitEvent?.fragment !== index + 1 || splitEvent.of !== fragments.length) {
      throw invalidDocument('the fragments of a split change event are not whole and in order');
    }
    token = doc(resumeToken);
    for (const element of elements(fragment)) {
      if (element.name !== '_id' && element.name !== 'splitEvent') fields.push([element.nameBytes, element]);
    }
  }
  if (token === undefined) throw invalidDocument('a split change event has no fragments');
  return buildDocument([['_id', token], ...fields]);
}
