import type { ClusterTime } from '@waybill/shared/base/position';
import type { DocumentOrigin, Operation, PackedBytes, TransactionId } from '@waybill/shared/base/record';
import { documentHash, laneOfHash } from '@waybill/shared/bson/canonical-key';
import { asBuffer, invalidDocument, locateElement, type RawElement } from '@waybill/shared/bson/raw';
import { millisecondsAt } from '@waybill/shared/bson/values';
import { documentAt, type PackedChangeEvent } from '../event/change-event.ts';
import type { Change } from './change.ts';

/** About what an event takes in memory beside its bytes. */
const ENVELOPE_BYTES = 512;
const ID = Buffer.from('_id');

export interface ChangeTraits {
  readonly namespaceHash: number;
  /** The hash that decides the lane; null: the document's. */
  readonly laneHash: number | null;
  readonly lanes: number;
  readonly capped: boolean;
}

/**
 * The change of an event, as places in the event's own bytes. Tens of thousands of these wait at
 * once, so each is one small object, and the event itself is dropped.
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
