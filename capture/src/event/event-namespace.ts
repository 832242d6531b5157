/** Reads the namespace of a change event, and the new namespace of a rename. */
import { nameText } from '@waybill/shared/bson/name-text';
import { BsonType, invalidDocument, isName, nameEnd, payloadEnd } from '@waybill/shared/bson/raw';

const DB = Buffer.from('db');
const COLL = Buffer.from('coll');

/**
 * Namespaces seen lately, in slots by a few of their bytes. Events of one collection come by the
 * thousand.
 */
const SEEN: ({ readonly bytes: Buffer; readonly text: string } | undefined)[] = new Array(64);

export function knownNamespace(b: Buffer, start: number, end: number): string {
  const slot = ((end - start) * 31 + b[end - 3]! * 7 + b[end - 4]! + b[start + 12]!) & 63;
  const seen = SEEN[slot];
  if (seen !== undefined && isName(b, start, end, seen.bytes)) return seen.text;
  const text = readNamespace(b, start);
  SEEN[slot] = { bytes: Buffer.from(b.subarray(start, end)), text };
  return text;
}

/** Reads `{db, coll}`, or `{db}` alone. Ignores other fields in it. */
export function readNamespace(b: Buffer, start: number): string {
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

export function expectType(type: number, expected: number): void {
  if (type !== expected) throw invalidDocument(`a change event has a field of the unexpected type ${type}`);
}
