/**
 * The envelope of a change stream event, read from its bytes; documents in it stay slices of them. Knows what servers
 * of 4.0 to 8.2 send: 4.0 has no `wallTime`, `collectionUUID` or `operationDescription`, `invalidate` has no `ns`, and
 * `dropDatabase` one without `coll`. What type of event it is, is not judged here: an unknown one must stop the caller.
 */
import type { ClusterTime } from '../position.ts';
import type { TransactionId } from '../record.ts';
import { buildDocument, doc, type Field } from './build.ts';
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
} from './raw.ts';
import { readInt64, readNumber, readUuid } from './values.ts';

export interface ChangeEvent {
  /** The server's word, known to this version or not. Empty only in a fragment that lacks it. */
  readonly operationType: string;
  /** `database.collection`; the database alone for dropDatabase; null where the event names none (invalidate). */
  readonly namespace: string | null;
  /** Where a rename leads. */
  readonly to: string | null;
  readonly documentKey: Buffer | null;
  readonly fullDocument: Buffer | null;
  readonly fullDocumentBeforeChange: Buffer | null;
  readonly updateDescription: Buffer | null;
  readonly operationDescription: Buffer | null;
  /** 0 only in a fragment that lacks it. */
  readonly clusterTime: ClusterTime;
  /** Milliseconds since 1970. */
  readonly wallTime: number | null;
  readonly transaction: TransactionId | null;
  readonly collectionUuid: Buffer | null;
  /** The event's `_id`, whole: opaque. */
  readonly resumeToken: Buffer;
  /** Set in a part of an event that the server split: {@link joinFragments} puts the parts together. */
  readonly splitEvent: SplitEvent | null;
}

export interface SplitEvent {
  readonly fragment: number;
  readonly of: number;
}

type Mutable = { -readonly [Key in keyof ChangeEvent]: ChangeEvent[Key] };

interface Reading extends Mutable {
  session: Uint8Array | null;
  transactionNumber: bigint | null;
}

/** Takes one field's value, which lies in `event` from `start` to `end`. */
type Reader = (into: Reading, event: Buffer, type: number, start: number, end: number) => void;

const FIELDS: Readonly<Record<string, Reader>> = {
  _id: (into, event, type, start, end) => {
    into.resumeToken = documentAt(event, type, start, end);
  },
  operationType: (into, event, type, start, end) => {
    into.operationType = textAt(event, type, start, end);
  },
  clusterTime: (into, event, type, start) => {
    expectType(type, BsonType.timestamp);
    into.clusterTime = event.readBigUInt64LE(start);
  },
  wallTime: (into, event, type, start) => {
    expectType(type, BsonType.date);
    into.wallTime = event.readInt32LE(start + 4) * 2 ** 32 + event.readUInt32LE(start);
  },
  ns: (into, event, type, start, end) => {
    into.namespace = namespaceAt(event, type, start, end);
  },
  to: (into, event, type, start, end) => {
    into.to = namespaceAt(event, type, start, end);
  },
  documentKey: (into, event, type, start, end) => {
    into.documentKey = optionalDocumentAt(event, type, start, end);
  },
  fullDocument: (into, event, type, start, end) => {
    into.fullDocument = optionalDocumentAt(event, type, start, end);
  },
  fullDocumentBeforeChange: (into, event, type, start, end) => {
    into.fullDocumentBeforeChange = optionalDocumentAt(event, type, start, end);
  },
  updateDescription: (into, event, type, start, end) => {
    into.updateDescription = optionalDocumentAt(event, type, start, end);
  },
  operationDescription: (into, event, type, start, end) => {
    into.operationDescription = optionalDocumentAt(event, type, start, end);
  },
  lsid: (into, event, type, start, end) => {
    into.session = readUuid(findElement(documentAt(event, type, start, end), 'id'));
  },
  txnNumber: (into, event, type, start, end) => {
    into.transactionNumber = readInt64({ type, bytes: event.subarray(start, end) });
  },
  collectionUUID: (into, event, type, start, end) => {
    into.collectionUuid = readUuid({ type, bytes: event.subarray(start, end) });
  },
  splitEvent: (into, event, type, start, end) => {
    into.splitEvent = readSplit(documentAt(event, type, start, end));
  },
};

function expectType(type: number, expected: number): void {
  if (type !== expected) throw invalidDocument(`a change event has a field of the unexpected type ${type}`);
}

function documentAt(event: Buffer, type: number, start: number, end: number): Buffer {
  expectType(type, BsonType.document);
  return event.subarray(start, end);
}

/** An image that is not there comes as null. */
function optionalDocumentAt(event: Buffer, type: number, start: number, end: number): Buffer | null {
  return type === BsonType.null ? null : documentAt(event, type, start, end);
}

function textAt(event: Buffer, type: number, start: number, end: number): string {
  expectType(type, BsonType.string);
  return event.toString('utf8', start + 4, end - 1);
}

/** `{db, coll}`, in place: this is read for every event. Other fields in it are left alone. */
function namespaceAt(event: Buffer, type: number, start: number, end: number): string {
  expectType(type, BsonType.document);
  let database: string | undefined;
  let collection: string | undefined;
  const limit = end - 1;
  let o = start + 4;
  while (o < limit) {
    const fieldType = event[o]!;
    const zero = nameEnd(event, o + 1, limit);
    const next = payloadEnd(event, fieldType, zero + 1, limit);
    if (isName(event, o + 1, zero, DB)) database = textAt(event, fieldType, zero + 1, next);
    else if (isName(event, o + 1, zero, COLL)) collection = textAt(event, fieldType, zero + 1, next);
    o = next;
  }
  if (database === undefined) throw invalidDocument('a change event has a namespace without a database');
  return collection === undefined ? database : `${database}.${collection}`;
}

const DB = Buffer.from('db');
const COLL = Buffer.from('coll');

interface KnownField {
  readonly name: Uint8Array;
  readonly read: Reader;
}

/** The known fields by the length of their names, so that finding one compares little. */
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

const NO_TOKEN = Buffer.alloc(0);

/** Throws DOCUMENT_INVALID where a field has an unexpected type or a needed one is missing. Fields not listed are left alone. */
export function readChangeEvent(event: Buffer): ChangeEvent {
  const into: Reading = {
    operationType: '',
    namespace: null,
    to: null,
    documentKey: null,
    fullDocument: null,
    fullDocumentBeforeChange: null,
    updateDescription: null,
    operationDescription: null,
    clusterTime: 0n,
    wallTime: null,
    transaction: null,
    collectionUuid: null,
    resumeToken: NO_TOKEN,
    splitEvent: null,
    session: null,
    transactionNumber: null,
  };
  const limit = documentSize(event) - 1;
  let o = 4;
  while (o < limit) {
    const type = event[o]!;
    const zero = nameEnd(event, o + 1, limit);
    const end = payloadEnd(event, type, zero + 1, limit);
    const field = knownField(event, o + 1, zero);
    if (field) field.read(into, event, type, zero + 1, end);
    o = end;
  }
  return finish(into);
}

function finish(into: Reading): ChangeEvent {
  if (into.resumeToken === NO_TOKEN) throw invalidDocument('a change event has no _id');
  if (into.splitEvent === null) {
    if (into.operationType === '') throw invalidDocument('a change event has no operationType');
    if (into.clusterTime === 0n) throw invalidDocument('a change event has no clusterTime');
  }
  if (into.session !== null && into.transactionNumber !== null) {
    into.transaction = { session: into.session, number: into.transactionNumber };
  }
  return into;
}

function readSplit(split: Buffer): SplitEvent {
  return { fragment: readNumber(findElement(split, 'fragment')), of: readNumber(findElement(split, 'of')) };
}

/**
 * One event from all its fragments, in order: every field once, the last fragment's resume token, no `splitEvent`.
 * It may be longer than 16 MiB. Throws DOCUMENT_INVALID where a fragment is missing or out of order.
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
