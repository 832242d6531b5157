import type { DataRecord, DocumentOrigin } from '@waybill/shared/base/record';
import type { RawElement } from '@waybill/shared/bson/raw';

/** A record on its way into a segment; its image and its sequence are still to come. */
export interface Change extends DataRecord {
  sequence: number;
  document: Uint8Array | null;
  documentOrigin: DocumentOrigin;
  /** The `_id` inside `documentKey`. */
  readonly id: RawElement;
  /** Hash of namespace and `_id`: equal for one document, and rarely for two. */
  readonly hash: number;
  /** The event's own token; null for a document that was read in the stream. */
  readonly resumeToken: Uint8Array | null;
  /** Bytes of memory that the event takes. */
  readonly bytes: number;
  readonly lane: number;
  /** Its collection is capped: documents may go without an event. */
  readonly capped: boolean;
}
