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
  nameEnd,
  payloadEnd,
  type RawElement,
} from './raw.ts';
import {
  readDate,
  readDocument,
  readInt64,
  readNumber,
  readString,
  readTimestamp,
  readUuid,
} from './values.ts';

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

type Reader = (into: Reading, element: RawElement) => void;

const FIELDS: Readonly<Record<string, Reader>> = {
  _id: (into, el) => {
    into.resumeToken = readDocument(el);
  },
  operationType: (into, el) => {
    into.operationType = readString(el);
  },
  clusterTime: (into, el) => {
    into.clusterTime = readTimestamp(el);
  },
  wallTime: (into, el) => {
    into.wallTime = readDate(el);
  },
  ns: (into, el) => {
    into.namespace = readNamespace(el);
  },
  to: (into, el) => {
    into.to = readNamespace(el);
  },
  documentKey: (into, el) => {
    into.documentKey = optionalDocument(el);
  },
  fullDocument: (into, el) => {
    into.fullDocument = optionalDocument(el);
  },
  fullDocumentBeforeChange: (into, el) => {
    into.fullDocumentBeforeChange = optionalDocument(el);
  },
  updateDescription: (into, el) => {
    into.updateDescription = optionalDocument(el);
  },
  operationDescription: (into, el) => {
    into.operationDescription = optionalDocument(el);
  },
  lsid: (into, el) => {
    into.session = readUuid(findElement(readDocument(el), 'id'));
  },
  txnNumber: (into, el) => {
    into.transactionNumber = readInt64(el);
  },
  collectionUUID: (into, el) => {
    into.collectionUuid = readUuid(el);
  },
  splitEvent: (into, el) => {
    into.splitEvent = readSplit(readDocument(el));
  },
};

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
    let i = 0;
    while (i < field.name.length && b[from + i] === field.name[i]) i++;
    if (i === field.name.length) return field;
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
    if (field) field.read(into, { type, bytes: event.subarray(zero + 1, end) });
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

/** An image that is not there comes as null. */
function optionalDocument(el: RawElement): Buffer | null {
  return el.type === BsonType.null ? null : readDocument(el);
}

function readNamespace(el: RawElement): string {
  const ns = readDocument(el);
  const database = readString(findElement(ns, 'db'));
  const collection = findElement(ns, 'coll');
  return collection === undefined ? database : `${database}.${readString(collection)}`;
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
