import { type ClusterTime, clusterTime, clusterTimeIncrement, clusterTimeSeconds } from '../position.ts';
import type { DataRecord, DocumentOrigin, Operation, TransactionId } from '../record.ts';
import { type LongReader, MAX_LONG_BYTES, writeBigLong, writeLong } from './varint.ts';

/** In the order of the schema's symbols: the position is what stands in the file. */
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

/** An upper bound of what everything but the namespace, UUIDs and documents takes. */
const FIXED_BYTES = 16 * MAX_LONG_BYTES;

/** An upper bound of the bytes that {@link writeRecord} needs. */
export function recordBytes(record: DataRecord, namespace: Uint8Array): number {
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

/** Lays a record at `offset` as the schema has it; returns the offset after it. `namespace` is the record's, in UTF-8. */
export function writeRecord(
  target: Buffer,
  offset: number,
  record: DataRecord,
  namespace: Uint8Array,
): number {
  let at = writeHead(target, offset, record, namespace);
  at = writeBytes(target, at, record.documentKey);
  at = writeNullableBytes(target, at, record.document);
  target[at++] = ORIGINS.indexOf(record.documentOrigin) * 2;
  at = writeNullableBytes(target, at, record.update);
  return writeNullableBytes(target, at, record.before);
}

/** The fields before `documentKey`: the same for every record of a snapshot segment. */
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
  if (head.transaction === null) {
    target[at++] = NULL;
    return at;
  }
  target[at++] = PRESENT;
  at = writeBytes(target, at, head.transaction.session);
  return writeBigLong(target, at, head.transaction.number);
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
 * Reads records out of blocks. Byte fields are slices of the block, no copies. One reader serves one segment: it
 * remembers the last namespace, which seldom changes. Throws RangeErrors at bytes that are no record.
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
