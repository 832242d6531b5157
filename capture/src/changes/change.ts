import type { ClusterTime, Position } from '@waybill/shared/base/position';
import type {
  DataRecord,
  DocumentOrigin,
  Operation,
  PackedBytes,
  TransactionId,
} from '@waybill/shared/base/record';
import { documentHash, laneOfHash } from '@waybill/shared/bson/canonical-key';
import { documentAt, millisecondsAt, type PackedChangeEvent } from '@waybill/shared/bson/change-event';
import { asBuffer, invalidDocument, locateElement, type RawElement } from '@waybill/shared/bson/raw';

/** Where the change stream goes on, exact also where a token can not be used. */
export interface StreamPosition extends Position {
  /**
   * How many captured data events of exactly `clusterTime` lie before the position. A stream that
   * has to start at the cluster time, which is inclusive, drops that many.
   */
  readonly taken: number;
  /**
   * Cluster time of the last event before the position, captured or not; null where none is known.
   */
  readonly lastEvent: ClusterTime | null;
}

/** A record on its way into a segment: the image and the sequence are still to come. */
export interface Change extends DataRecord {
  sequence: number;
  document: Uint8Array | null;
  documentOrigin: DocumentOrigin;
  /** The `_id` inside `documentKey`. */
  readonly id: RawElement;
  /** Of namespace and `_id`: equal for one document, and mostly for no other. */
  readonly hash: number;
  /** The event's own token; null for a document that was read in the stream. */
  readonly resumeToken: Uint8Array | null;
  /** Bytes that the event keeps in memory. */
  readonly bytes: number;
  readonly lane: number;
  /** Of a capped collection: documents may go without an event. */
  readonly capped: boolean;
}

/** What an event takes in memory beside its bytes, about. */
const ENVELOPE_BYTES = 512;
const ID = Buffer.from('_id');

export interface ChangeTraits {
  readonly namespaceHash: number;
  /** What the lane follows from; null: from the document. */
  readonly laneHash: number | null;
  readonly lanes: number;
  readonly capped: boolean;
}

/**
 * The change of an event, in the event's own bytes: tens of thousands of these wait at once, so
 * each is one small object, and the event itself is let go.
 */
export class EventChange implements Change, PackedBytes {
  readonly source: Buffer;
  readonly operation: Operation;
  readonly namespace: string;
  readonly keyAt: number;
  readonly updateAt: number;
  readonly beforeAt: number;
  readonly uuidAt: number;
  readonly timeAt: number;
  readonly wallTimeAt: number;
  readonly #tokenAt: number;
  readonly transaction: TransactionId | null;
  readonly bytes: number;
  readonly idType: number;
  readonly idAt: number;
  readonly idEnd: number;
  readonly hash: number;
  readonly lane: number;
  readonly capped: boolean;
  sequence = 0;
  documentOrigin: DocumentOrigin;
  imageSource: Buffer;
  imageAt: number;

  /** @throws DOCUMENT_INVALID */
  constructor(event: PackedChangeEvent, namespace: string, traits: ChangeTraits) {
    const { source, keyAt, fullDocumentAt } = event;
    const id = keyAt < 0 ? undefined : locateElement(source, keyAt, ID);
    if (id === undefined) throw invalidDocument('a change event has no documentKey');
    this.source = source;
    this.operation = event.operationType as Operation;
    this.namespace = namespace;
    this.keyAt = keyAt;
    this.updateAt = event.updateAt;
    this.beforeAt = event.beforeAt;
    this.uuidAt = event.uuidAt;
    this.timeAt = event.timeAt;
    this.wallTimeAt = event.wallTimeAt;
    this.#tokenAt = event.tokenAt;
    this.transaction = event.transaction;
    this.bytes = ENVELOPE_BYTES + event.size;
    this.idType = id.type;
    this.idAt = id.start;
    this.idEnd = id.end;
    this.hash = documentHash(traits.namespaceHash, id.type, source, id.start, id.end);
    this.lane = laneOfHash(traits.laneHash ?? this.hash, traits.lanes);
    this.capped = traits.capped;
    this.imageSource = source;
    this.imageAt = fullDocumentAt;
    if (fullDocumentAt < 0) this.documentOrigin = 'none';
    else this.documentOrigin = this.operation === 'update' ? 'postImage' : 'event';
  }

  get packed(): PackedBytes {
    return this;
  }

  get clusterTime(): ClusterTime {
    return this.source.readBigUInt64LE(this.timeAt);
  }

  get wallTime(): number | null {
    return this.wallTimeAt < 0 ? null : millisecondsAt(this.source, this.wallTimeAt);
  }

  get collectionUuid(): Uint8Array | null {
    return this.uuidAt < 0 ? null : this.source.subarray(this.uuidAt, this.uuidAt + 16);
  }

  get documentKey(): Uint8Array {
    return documentAt(this.source, this.keyAt)!;
  }

  get update(): Uint8Array | null {
    return documentAt(this.source, this.updateAt);
  }

  get before(): Uint8Array | null {
    return documentAt(this.source, this.beforeAt);
  }

  get resumeToken(): Uint8Array {
    return documentAt(this.source, this.#tokenAt)!;
  }

  get id(): RawElement {
    return { type: this.idType, bytes: this.source.subarray(this.idAt, this.idEnd) };
  }

  get document(): Uint8Array | null {
    return documentAt(this.imageSource, this.imageAt);
  }

  set document(document: Uint8Array | null) {
    this.imageSource = document === null ? this.source : asBuffer(document);
    this.imageAt = document === null ? -1 : 0;
  }
}

export function hasDocument(change: Change): boolean {
  return change instanceof EventChange ? change.imageAt >= 0 : change.document !== null;
}

/** The image of a change: the document that starts at `start` of `source`. */
export function setImage(change: Change, source: Buffer, start: number): void {
  if (change instanceof EventChange) {
    change.imageSource = source;
    change.imageAt = start;
  } else {
    change.document = source.subarray(start, start + source.readInt32LE(start));
  }
}

/** What `{_id: …}` has around the value: its length, the type, the name, and its end. */
const ID_ONLY_BYTES = 10;

/**
 * The key holds a shard key beside the `_id`: another document of that `_id` may stand on another
 * shard, or this one under another shard key. A document's `_id` alone is its key everywhere else.
 */
export function namesShardKey(change: Change): boolean {
  if (change instanceof EventChange) {
    return change.source.readInt32LE(change.keyAt) > change.idEnd - change.idAt + ID_ONLY_BYTES;
  }
  return change.documentKey.length > change.id.bytes.length + ID_ONLY_BYTES;
}

/** Whether the change's `_id` is exactly the value that lies in `b` from `start` to `end`. */
export function hasId(change: Change, type: number, b: Uint8Array, start: number, end: number): boolean {
  if (change instanceof EventChange) {
    return change.idType === type && sameBytes(change.source, change.idAt, change.idEnd, b, start, end);
  }
  const { id } = change;
  return id.type === type && sameBytes(id.bytes, 0, id.bytes.length, b, start, end);
}

/**
 * Both are of the same document of the same name. Exact bytes of `_id`: see
 * {@link documentIdentity}.
 */
export function isSameDocument(a: Change, b: Change): boolean {
  if (a.hash !== b.hash || a.namespace !== b.namespace) return false;
  if (b instanceof EventChange) return hasId(a, b.idType, b.source, b.idAt, b.idEnd);
  return hasId(a, b.id.type, b.id.bytes, 0, b.id.bytes.length);
}

export function isSameUuid(a: Change, b: Change): boolean {
  if (a instanceof EventChange && b instanceof EventChange && a.uuidAt >= 0 && b.uuidAt >= 0) {
    return sameBytes(a.source, a.uuidAt, a.uuidAt + 16, b.source, b.uuidAt, b.uuidAt + 16);
  }
  const { collectionUuid: one } = a;
  const { collectionUuid: other } = b;
  return one === null || other === null ? one === other : Buffer.compare(one, other) === 0;
}

function sameBytes(
  a: Uint8Array,
  from: number,
  to: number,
  b: Uint8Array,
  start: number,
  end: number,
): boolean {
  if (to - from !== end - start) return false;
  for (let i = from, j = start; i < to; i++, j++) if (a[i] !== b[j]) return false;
  return true;
}

/**
 * One document of one collection, as a key of maps. Exact bytes of `_id`: ids that are equal to the
 * server but differ in bytes never live at the same time, and between them lies a delete of the one
 * that was there.
 */
export function documentIdentity(namespace: string, id: RawElement): string {
  const { bytes } = id;
  const text = asBuffer(bytes).toString('latin1');
  return `${namespace}\0${String.fromCharCode(id.type)}${text}`;
}

export function sameTransaction(a: Change, b: Change): boolean {
  if (a.transaction === null || b.transaction === null) return false;
  return (
    a.clusterTime === b.clusterTime &&
    a.transaction.number === b.transaction.number &&
    Buffer.compare(a.transaction.session, b.transaction.session) === 0
  );
}
