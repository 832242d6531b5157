import { hasCode } from '../../base/errors.ts';
import { formatClusterTime, parseClusterTime } from '../../base/position.ts';
import type { DataRecord, TransactionId } from '../../base/record.ts';
import { type ExtendedJson, extendedJson, fromExtendedJson } from '../../bson/ejson.ts';
import { asBuffer } from '../../bson/raw.ts';
import { OPERATIONS, ORIGINS, type RecordHead } from '../avro/record.ts';
import { UnknownFeature } from '../corrupt.ts';
import { MAX_TEXT_CHARACTERS } from '../limits.ts';
import { jsonMembers } from './json-members.ts';

/**
 * Writes a record as a line of JSON (bucket format rule BF-13), with its end of line. UUIDs are
 * hex, the cluster time is `<seconds>:<increment>`, and the transaction's number is text. Documents
 * are canonical Extended JSON. If that text would not give back the same bytes, `<field>Bson`
 * (base64) stands behind the field and wins.
 */
export function recordToLine(record: DataRecord): string {
  return `${lineHead(record)}${lineBody(record)}`;
}

/**
 * Writes the members before `documentKey`. They are the same for every line of a snapshot segment.
 */
export function lineHead(head: RecordHead & { readonly namespace: string }): string {
  const { transaction } = head;
  const members = {
    sequence: head.sequence,
    operation: head.operation,
    namespace: head.namespace,
    collectionUuid: head.collectionUuid === null ? null : hex(head.collectionUuid),
    clusterTime: formatClusterTime(head.clusterTime),
    wallTime: head.wallTime,
    transaction:
      transaction === null ? null : { session: hex(transaction.session), number: String(transaction.number) },
  };
  return JSON.stringify(members).slice(0, -1);
}

export function lineBody(
  record: Pick<DataRecord, 'documentKey' | 'document' | 'documentOrigin' | 'update' | 'before'>,
): string {
  return `${bsonMember('documentKey', record.documentKey)}${bsonMember('document', record.document)},"documentOrigin":"${
    record.documentOrigin
  }"${bsonMember('update', record.update)}${bsonMember('before', record.before)}}\n`;
}

function bsonMember(name: string, bytes: Uint8Array | null): string {
  if (bytes === null) return `,"${name}":null`;
  const { text, exact } = textOf(bytes);
  if (text.length > MAX_TEXT_CHARACTERS) return `,"${name}":null,"${name}Bson":"${base64(bytes)}"`;
  return exact ? `,"${name}":${text}` : `,"${name}":${text},"${name}Bson":"${base64(bytes)}"`;
}

/** Bytes that are not a document have no text. The line still carries them. */
function textOf(bytes: Uint8Array): ExtendedJson {
  try {
    return extendedJson(bytes);
  } catch (error) {
    if (hasCode(error, 'DOCUMENT_INVALID')) return { text: 'null', exact: false };
    throw error;
  }
}

const HEAD = [
  'sequence',
  'operation',
  'namespace',
  'collectionUuid',
  'clusterTime',
  'wallTime',
  'transaction',
];
const DOCUMENTS = ['documentKey', 'document', 'update', 'before'];
const KNOWN: ReadonlySet<string> = new Set([
  ...HEAD,
  ...DOCUMENTS,
  ...DOCUMENTS.map((name) => `${name}Bson`),
  'documentOrigin',
]);

/**
 * Reads the record of a line without its end. Throws a RangeError, or {@link UnknownFeature} at a
 * member that this version does not know.
 */
export function lineToRecord(line: string): DataRecord {
  const members = jsonMembers(line);
  for (const name of members.keys()) {
    if (!KNOWN.has(name)) throw new UnknownFeature(`its records have a field ${JSON.stringify(name)}`);
  }
  const documentKey = readBson(members, 'documentKey');
  if (documentKey === null) throw new RangeError('a record without a documentKey');
  return {
    sequence: readNumber(members, 'sequence'),
    operation: readName(members, 'operation', OPERATIONS),
    namespace: readText(members, 'namespace'),
    collectionUuid: isNull(members, 'collectionUuid') ? null : fromHex(readText(members, 'collectionUuid')),
    clusterTime: readClusterTime(members),
    wallTime: isNull(members, 'wallTime') ? null : readNumber(members, 'wallTime'),
    transaction: isNull(members, 'transaction') ? null : readTransaction(members),
    documentKey,
    document: readBson(members, 'document'),
    documentOrigin: readName(members, 'documentOrigin', ORIGINS),
    update: readBson(members, 'update'),
    before: readBson(members, 'before'),
  };
}

type Members = ReadonlyMap<string, string>;

const wrong = (name: string, cause?: unknown): RangeError =>
  new RangeError(`a record whose ${name} is missing or of the wrong type`, { cause });

const isNull = (members: Members, name: string): boolean => members.get(name) === 'null';

function readJson(members: Members, name: string): unknown {
  try {
    return JSON.parse(members.get(name) ?? '');
  } catch (error) {
    throw wrong(name, error);
  }
}

function readNumber(members: Members, name: string): number {
  const value = readJson(members, name);
  if (!Number.isSafeInteger(value)) throw wrong(name);
  return value as number;
}

function readText(members: Members, name: string): string {
  const value = readJson(members, name);
  if (typeof value !== 'string') throw wrong(name);
  return value;
}

function readName<Name extends string>(members: Members, name: string, names: readonly Name[]): Name {
  const value = readText(members, name);
  const found = names.find((known) => known === value);
  if (found === undefined) throw wrong(name);
  return found;
}

function readClusterTime(members: Members): bigint {
  const time = parseClusterTime(readText(members, 'clusterTime'));
  if (time === undefined) throw wrong('clusterTime');
  return time;
}

function readTransaction(members: Members): TransactionId {
  const value = readJson(members, 'transaction') as { session?: unknown; number?: unknown };
  const { session, number } = value;
  if (typeof session !== 'string' || typeof number !== 'string' || !/^-?\d{1,19}$/.test(number)) {
    throw wrong('transaction');
  }
  return { session: fromHex(session), number: BigInt(number) };
}

function readBson(members: Members, name: string): Buffer | null {
  if (members.has(`${name}Bson`)) return Buffer.from(readText(members, `${name}Bson`), 'base64');
  const text = members.get(name);
  if (text === undefined) throw wrong(name);
  if (text === 'null') return null;
  try {
    return fromExtendedJson(text);
  } catch (error) {
    throw wrong(name, error);
  }
}

const hex = (bytes: Uint8Array): string => asBuffer(bytes).toString('hex');
const base64 = (bytes: Uint8Array): string => asBuffer(bytes).toString('base64');

function fromHex(text: string): Buffer {
  if (!/^([0-9a-f]{2})*$/.test(text)) throw new RangeError('a record with a UUID that is not hexadecimal');
  return Buffer.from(text, 'hex');
}
