/**
 * The envelope of a change stream event, read from its bytes; documents in it stay slices of them.
 * Knows what servers of 4.0 to 8.2 send: 4.0 has no `wallTime`, `collectionUUID` or
 * `operationDescription`, `invalidate` has no `ns`, and `dropDatabase` one without `coll`. What
 * type of event it is, is not judged here: an unknown one must stop the caller.
 */
import type { ClusterTime } from '../base/position.ts';
import type { TransactionId } from '../base/record.ts';
import { buildDocument, doc, type Field } from './build.ts';
import { nameText } from './name-text.ts';
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
import { readNumber, readUuid } from './values.ts';

export interface ChangeEvent {
  /** The server's word, known to this version or not. Empty only in a fragment that lacks it. */
  readonly operationType: string;
  /**
   * `database.collection`; the database alone for dropDatabase; null where the event names none
   * (invalidate).
   */
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
  /**
   * Set in a part of an event that the server split: {@link joinFragments} puts the parts together.
   */
  readonly splitEvent: SplitEvent | null;
}

export interface SplitEvent {
  readonly fragment: number;
  readonly of: number;
}

const NONE = -1;

/**
 * Where a field lies in the event: its payload, from the first byte on; -1 where it is not there.
 */
type Place = number;

/**
 * An event as places in the bytes it came in, which may be a whole reply: one small object an
 * event, since thousands of them wait for their commit at once. What is asked for is read when it
 * is asked for; every place was checked.
 */
export class PackedChangeEvent implements ChangeEvent {
  /** What the event lies in, together with others. */
  readonly source: Buffer;
  readonly start: number;
  /** Bytes of the whole event. */
  readonly size: number;
  operationType = '';
  namespace: string | null = null;
  keyAt: Place = NONE;
  fullDocumentAt: Place = NONE;
  beforeAt: Place = NONE;
  updateAt: Place = NONE;
  /** The eight bytes of the timestamp. */
  timeAt: Place = NONE;
  wallTimeAt: Place = NONE;
  tokenAt: Place = NONE;
  /** The sixteen bytes of the uuid. */
  uuidAt: Place = NONE;
  sessionAt: Place = NONE;
  transactionNumberAt: Place = NONE;
  toAt: Place = NONE;
  operationDescriptionAt: Place = NONE;
  splitAt: Place = NONE;

  constructor(source: Buffer, start: number, size: number) {
    this.source = source;
    this.start = start;
    this.size = size;
  }

  get to(): string | null {
    return this.toAt < 0 ? null : readNamespace(this.source, this.toAt);
  }

  get documentKey(): Buffer | null {
    return documentAt(this.source, this.keyAt);
  }

  get fullDocument(): Buffer | null {
    return documentAt(this.source, this.fullDocumentAt);
  }

  get fullDocumentBeforeChange(): Buffer | null {
    return documentAt(this.source, this.beforeAt);
  }

  get updateDescription(): Buffer | null {
    return documentAt(this.source, this.updateAt);
  }

  get operationDescription(): Buffer | null {
    return documentAt(this.source, this.operationDescriptionAt);
  }

  get clusterTime(): ClusterTime {
    return this.timeAt < 0 ? 0n : this.source.readBigUInt64LE(this.timeAt);
  }

  get wallTime(): number | null {
    const { source, wallTimeAt: at } = this;
    return at < 0 ? null : millisecondsAt(source, at);
  }

  get transaction(): TransactionId | null {
    const { source, sessionAt, transactionNumberAt } = this;
    if (sessionAt < 0 || transactionNumberAt < 0) return null;
    const session = readUuid(findElement(documentAt(source, sessionAt)!, 'id'));
    return { session, number: source.readBigInt64LE(transactionNumberAt) };
  }

  get collectionUuid(): Buffer | null {
    return this.uuidAt < 0 ? null : this.source.subarray(this.uuidAt, this.uuidAt + UUID_BYTES);
  }

  get resumeToken(): Buffer {
    return documentAt(this.source, this.tokenAt)!;
  }

  get splitEvent(): SplitEvent | null {
    const split = documentAt(this.source, this.splitAt);
    return split && readSplit(split);
  }
}

const UUID_BYTES = 16;

/** Of a BSON date: milliseconds since 1970. Beyond 2^53 it is no longer exact. */
export function millisecondsAt(source: Buffer, at: Place): number {
  return source.readInt32LE(at + 4) * 2 ** 32 + source.readUInt32LE(at);
}

/** The document that lies there; null for -1. */
export function documentAt(source: Buffer, at: Place): Buffer | null {
  return at < 0 ? null : source.subarray(at, at + source.readInt32LE(at));
}

/** Takes the place of one field's payload, which lies in `source` from `start` to `end`. */
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

function expectType(type: number, expected: number): void {
  if (type !== expected) throw invalidDocument(`a change event has a field of the unexpected type ${type}`);
}

function documentStart(type: number, start: number): Place {
  expectType(type, BsonType.document);
  return start;
}

/** An image that is not there comes as null. */
function optionalDocumentAt(type: number, start: number): Place {
  return type === BsonType.null ? NONE : documentStart(type, start);
}

/** Length, subtype 4, and as many bytes as a UUID has. */
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

/**
 * Namespaces seen lately, by a few of their bytes: events of one collection come by the thousand.
 */
const SEEN: ({ readonly bytes: Buffer; readonly text: string } | undefined)[] = new Array(64);

function knownNamespace(b: Buffer, start: number, end: number): string {
  const slot = ((end - start) * 31 + b[end - 3]! * 7 + b[end - 4]! + b[start + 12]!) & 63;
  const seen = SEEN[slot];
  if (seen !== undefined && isName(b, start, end, seen.bytes)) return seen.text;
  const text = readNamespace(b, start);
  SEEN[slot] = { bytes: Buffer.from(b.subarray(start, end)), text };
  return text;
}

/** `{db, coll}`, or `{db}` alone. Other fields in it are left alone. */
function readNamespace(b: Buffer, start: number): string {
  let database: string | undefined;
  let collection: string | undefined;
  const limit = start + b.readInt32LE(start) - 1;
  let o = start + 4;
  while (o < limit) {
    const type = b[o]!;
    const zero = nameEnd(b, o + 1, limit);
    const next = payloadEnd(b, type, zero + 1, limit);
    if (isName(b, o + 1, zero, DB)) database = nameAt(b, type, zero + 1, next);
    else if (isName(b, o + 1, zero, COLL)) collection = nameAt(b, type, zero + 1, next);
    o = next;
  }
  if (database === undefined) throw invalidDocument('a change event has a namespace without a database');
  return collection === undefined ? database : `${database}.${collection}`;
}

function nameAt(b: Buffer, type: number, start: number, end: number): string {
  expectType(type, BsonType.string);
  return nameText(b, start + 4, end - 1);
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

/**
 * The event that starts at `start`. Throws DOCUMENT_INVALID where a field has an unexpected type or
 * a needed one is missing. Fields not listed are left alone.
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

function readSplit(split: Buffer): SplitEvent {
  return { fragment: readNumber(findElement(split, 'fragment')), of: readNumber(findElement(split, 'of')) };
}

/**
 * One event from all its fragments, in order: every field once, the last fragment's resume token,
 * no `splitEvent`. It may be longer than 16 MiB. Throws DOCUMENT_INVALID where a fragment is
 * missing or out of order.
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
