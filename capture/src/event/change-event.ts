/** A change stream event in the bytes of a reply. The documents in it are slices of those bytes. */
import type { ClusterTime } from '@waybill/shared/base/position';
import type { TransactionId } from '@waybill/shared/base/record';
import { findElement } from '@waybill/shared/bson/raw';
import { millisecondsAt, readNumber, readUuid } from '@waybill/shared/bson/values';
import { readNamespace } from './event-namespace.ts';

export interface ChangeEvent {
  /**
   * The server's word, even if this version does not know it. Empty only in a fragment that lacks
   * it.
   */
  readonly operationType: string;
  /**
   * `database.collection`, or the database alone for dropDatabase. Null if the event names none
   * (invalidate).
   */
  readonly namespace: string | null;
  /** The new namespace of a rename. */
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
  /** The event's whole `_id`, which is opaque. */
  readonly resumeToken: Buffer;
  /** Set in a part of an event that the server split. joinFragments puts the parts together. */
  readonly splitEvent: SplitEvent | null;
}

export interface SplitEvent {
  readonly fragment: number;
  readonly of: number;
}

export const NONE = -1;

/**
 * The place of a field: the offset in `source` where its payload starts, or -1 if the event lacks
 * it.
 */
export type Place = number;

export const UUID_BYTES = 16;

/**
 * An event as places in the bytes it came in, which may be a whole reply. Each event is one small
 * object, because thousands of them wait for their commit at once. A field is read only when it is
 * asked for. Every place has been checked.
 */
export class PackedChangeEvent implements ChangeEvent {
  /** The bytes that hold the event, perhaps together with others. */
  readonly source: Buffer;
  readonly start: number;
  /** The size of the whole event in bytes. */
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

function readSplit(split: Buffer): SplitEvent {
  return { fragment: readNumber(findElement(split, 'fragment')), of: readNumber(findElement(split, 'of')) };
}

/** Returns the document that lies there, or null for -1. */
export function documentAt(source: Buffer, at: Place): Buffer | null {
  return at < 0 ? null : source.subarray(at, at + source.readInt32LE(at));
}
