import type { ClusterTime } from './position.ts';

/** `read` is a document read at rest. The other names are the change stream's own. */
export type Operation = 'read' | 'insert' | 'update' | 'replace' | 'delete';

/**
 * The origin of `document`.
 * snapshot: read at rest. event: the event carried it (insert, replace). lookup: read by identity
 * after the event, so it may be newer than the event; with a delete, the document that has its
 * `_id` under another shard key. postImage: the server's stored post-image. superseded: a later
 * record of the same document in the same commit carries the image. missing: the lookup found
 * nothing; a delete, drop or rename follows. none: not asked for, or a delete.
 */
export type DocumentOrigin =
  | 'snapshot'
  | 'event'
  | 'lookup'
  | 'postImage'
  | 'superseded'
  | 'missing'
  | 'none';

/** A logical session (the UUID inside `lsid`) and its transaction number. */
export interface TransactionId {
  readonly session: Uint8Array;
  readonly number: bigint;
}

/**
 * One snapshot document or one change event (bucket format rule BF-9). Every `Uint8Array` is raw
 * BSON or a UUID's 16 bytes.
 */
export interface DataRecord {
  /** Position in the stream, gap-free from 1; 0 in snapshots. */
  readonly sequence: number;
  readonly operation: Operation;
  /** `database.collection`; a database name holds no dot, so the first one divides. */
  readonly namespace: string;
  readonly collectionUuid: Uint8Array | null;
  /** The event's cluster time. A snapshot document has T0, since its state is of then or later. */
  readonly clusterTime: ClusterTime;
  /** Milliseconds since 1970 as the server gave it, or null. */
  readonly wallTime: number | null;
  readonly transaction: TransactionId | null;
  /** `{_id: …}`, with the shard key's fields where the source is sharded. Whole BSON document. */
  readonly documentKey: Uint8Array;
  readonly document: Uint8Array | null;
  readonly documentOrigin: DocumentOrigin;
  /** Raw `updateDescription`, or null. */
  readonly update: Uint8Array | null;
  /** Raw pre-image, or null. */
  readonly before: Uint8Array | null;
  /** The same bytes as places, if the record knows them. A copy from there needs no slices. */
  readonly packed?: PackedBytes | undefined;
}

/**
 * The places of a record's bytes. A place is the offset of a document's first byte, and the
 * document begins with its size. The place is -1 if there is nothing.
 */
export interface PackedBytes {
  readonly source: Buffer;
  readonly keyAt: number;
  readonly updateAt: number;
  readonly beforeAt: number;
  /** Sixteen bytes. */
  readonly uuidAt: number;
  /** A timestamp's eight bytes. */
  readonly timeAt: number;
  /** A date's eight bytes. */
  readonly wallTimeAt: number;
  /** The buffer that holds the document: `source`, or the reply of a lookup. */
  readonly imageSource: Buffer;
  readonly imageAt: number;
}

/** The size of a record's document in bytes; 0 if it has none. */
export function documentBytes(record: DataRecord): number {
  const { packed } = record;
  if (packed === undefined) return record.document?.length ?? 0;
  return packed.imageAt < 0 ? 0 : packed.imageSource.readInt32LE(packed.imageAt);
}

export interface Namespace {
  readonly database: string;
  readonly collection: string;
}

export function splitNamespace(namespace: string): Namespace {
  const dot = namespace.indexOf('.');
  return dot < 0
    ? { database: namespace, collection: '' }
    : { database: namespace.slice(0, dot), collection: namespace.slice(dot + 1) };
}
