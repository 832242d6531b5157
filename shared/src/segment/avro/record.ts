import {
  type ClusterTime,
  clusterTime,
  clusterTimeIncrement,
  clusterTimeSeconds,
} from '../../base/position.ts';
import type { DataRecord, DocumentOrigin, Operation, PackedBytes, TransactionId } from '../../base/record.ts';
import { millisecondsAt } from '../../bson/values.ts';
import { type LongReader, MAX_LONG_BYTES, writeBigLong, writeLong } from './varint.ts';

/** The names stand in the order of the schema's symbols: the file holds the position. */
export const OPERATIONS: readonly Operation[] = ['read', 'insert', 'update', 'replace', 'delete'];
export const ORIGINS: readonly DocumentOrigin[] = [
  'snapshot',
  'event',
  'lookup',
  'postImage',
  'superseded',
  'missing',
  'none',
];

/** Every union of the schema is [null, something]. */
const NULL = 0;
const PRESENT = 2;

/** An upper bound of the bytes of everything but the namespace, UUIDs and documents. */
const FIXED_BYTES = 16 * MAX_LONG_BYTES;

/** Returns an upper bound of the bytes that {@link writeRecord} needs. */
export function recordBytes(record: DataRecord, namespace: Uint8Array): number {
  const { packed } = record;
  if (packed !== undefined) {
    const { source } = packed;
    return (
      FIXED_BYTES +
      namespace.length +
      UUID_BYTES +
      (record.transaction?.session.length ?? 0) +
      sizeAt(source, packed.keyAt) +
      sizeAt(packed.imageSource, packed.imageAt) +
      sizeAt(source, packed.updateAt) +
      sizeAt(source, packed.beforeAt)
    );
  }
  return (
    FIXED_BYTES +
    namespace.length +
    (record.collectionUuid?.length ?? 0) +
    (record.transaction?.session.length ?? 0) +
    record.documentKey.length +
    (record.document?.length ?? 0) +
    (record.update?.length ?? 0) +
    (record.before?.length ?? 0)
  );
}

const UUID_BYTES = 16;

function sizeAt(source: Buffer, at: number): number {
  return at < 0 ? 0 : source.readInt32LE(at);
}

/**
 * Lays a record at `offset` as the schema has it, and returns the offset after it. `namespace` is
 * the record's, in UTF-8.
 */
export function writeRecord(
  target: Buffer,
  offset: number,
  record: DataRecord,
  namespace: Uint8Array,
): number {
  if (record.packed !== undefined) return writePacked(target, offset, record, record.packed, namespace);
  let at = writeHead(target, offset, record, namespace);
  at = writeBytes(target, at, record.documentKey);
  at = writeNullableBytes(target, at, record.document);
  target[at++] = ORIGINS.indexOf(record.documentOrigin) * 2;
  at = writeNullableBytes(target, at, record.update);
  return writeNullableBytes(target, at, record.before);
}

function writePacked(
  target: Buffer,
  offset: number,
  record: DataRecord,
  packed: PackedBytes,
  namespace: Uint8Array,
): number {
  const { source, uuidAt, timeAt, wallTimeAt } = packed;
  let at = writeLong(target, offset, record.sequence);
  target[at++] = OPERATIONS.indexOf(record.operation) * 2;
  at = writeBytes(target, at, namespace);
  if (uuidAt < 0) target[at++] = NULL;
  else {
    target[at++] = PRESENT;
    at = copy(target, writeLong(target, at, UUID_BYTES), source, uuidAt, UUID_BYTES);
  }
  at = writeLong(target, at, source.readUInt32LE(timeAt + 4));
  at = writeLong(target, at, source.readUInt32LE(timeAt));
  if (wallTimeAt < 0) target[at++] = NULL;
  else {
    target[at++] = PRESENT;
    at = writeLong(target, at, millisecondsAt(source, wallTimeAt));
  }
  at = writeTransaction(target, at, record.transaction);
  at = writeDocument(target, at, source, packed.keyAt);
  at = writeNullableDocument(target, at, packed.imageSource, packed.imageAt);
  target[at++] = ORIGINS.indexOf(record.documentOrigin) * 2;
  at = writeNullableDocument(target, at, source, packed.updateAt);
  return writeNullableDocument(target, at, source, packed.beforeAt);
}

function writeNullableDocument(target: Buffer, offset: number, source: Buffer, at: number): number {
  target[offset] = at < 0 ? NULL : PRESENT;
  return at < 0 ? offset + 1 : writeDocument(target, offset + 1, source, at);
}

function writeDocument(target: Buffer, offset: number, source: Buffer, at: number): number {
  const size = source.readInt32LE(at);
  return copy(target, writeLong(target, offset, size), source, at, size);
}

/** Below this many bytes, a loop is quicker than a call. */
const SHORT = 48;

function copy(target: Buffer, at: number, source: Buffer, from: number, size: number): number {
  if (size < SHORT) for (let i = 0; i < size; i++) target[at + i] = source[from + i]!;
  else source.copy(target, at, from, from + size);
  return at + size;
}

/** The fields before `documentKey`. They are the same for every record of a snapshot segment. */
export type RecordHead = Pick<
  DataRecord,
  'sequence' | 'operation' | 'collectionUuid' | 'clusterTime' | 'wallTime' | 'transaction'
>;

export function writeHead(target: Buffer, offset: number, head: RecordHead, namespace: Uint8Array): number {
  let at = writeLong(target, offset, head.sequence);
  target[at++] = OPERATIONS.indexOf(head.operation) * 2;
  at = writeBytes(target, at, namespace);
  at = writeNullableBytes(target, at, head.collectionUuid);
  at = writeLong(target, at, clusterTimeSeconds(head.clusterTime));
  at = writeLong(target, at, clusterTimeIncrement(head.clusterTime));
  if (head.wallTime === null) {
    target[at++] = NULL;
  } else {
    target[at++] = PRESENT;
    at = writeLong(target, at, head.wallTime);
  }
  return writeTransaction(target, at, head.transaction);
}

function writeTransaction(target: Buffer, offset: number, transaction: TransactionId | null): number {
  target[offset] = transaction === null ? NULL : PRESENT;
  if (transaction === null) return offset + 1;
  const at = writeBytes(target, offset + 1, transaction.session);
  return writeBigLong(target, at, transaction.number);
}

function writeBytes(target: Buffer, offset: number, bytes: Uint8Array): number {
  const at = writeLong(target, offset, bytes.length);
  target.set(bytes, at);
  return at + bytes.length;
}

function writeNullableBytes(target: Buffer, offset: number, bytes: Uint8Array | null): number {
  if (bytes === null) {
    target[offset] = NULL;
    return offset + 1;
  }
  target[offset] = PRESENT;
  return writeBytes(target, offset + 1, bytes);
}

/**
 * Reads records out of blocks. Byte fields are slices of the block, not copies. One reader serves
 * one segment: it remembers the last namespace, which seldom changes. Throws RangeErrors at bytes
 * that are not a record.
 */
export class RecordReader {
  #namespaceBytes: Buffer = Buffer.alloc(0);
  #namespace = '';

  read(from: LongReader): DataRecord {
    const head = this.readHead(from);
    return {
      ...head,
      documentKey: from.prefixed(),
      document: readNullableBytes(from),
      documentOrigin: symbol(from, ORIGINS),
      update: readNullableBytes(from),
      before: readNullableBytes(from),
    };
  }

  readHead(from: LongReader): RecordHead & { readonly namespace: string } {
    return {
      sequence: from.count(Number.MAX_SAFE_INTEGER),
      operation: symbol(from, OPERATIONS),
      namespace: this.#readNamespace(from),
      collectionUuid: readNullableBytes(from),
      clusterTime: readClusterTime(from),
      wallTime: isPresent(from) ? from.long() : null,
      transaction: isPresent(from) ? readTransaction(from) : null,
    };
  }

  #readNamespace(from: LongReader): string {
    const bytes = from.prefixed();
    if (!bytes.equals(this.#namespaceBytes)) {
      this.#namespaceBytes = bytes;
      this.#namespace = bytes.toString('utf8');
    }
    return this.#namespace;
  }
}

function readTransaction(from: LongReader): TransactionId {
  return { session: from.prefixed(), number: from.bigLong() };
}

function readClusterTime(from: LongReader): ClusterTime {
  const seconds = from.count(0xffff_ffff);
  return clusterTime(seconds, from.count(0xffff_ffff));
}

function isPresent(from: LongReader): boolean {
  return from.count(1) === 1;
}

function readNullableBytes(from: LongReader): Buffer | null {
  return isPresent(from) ? from.prefixed() : null;
}

function symbol<Name extends string>(from: LongReader, names: readonly Name[]): Name {
  return names[from.count(names.length - 1)] as Name;
}
