import type { DataRecord, DocumentOrigin } from '@waybill/shared/base/record';
import type { RawElement } from '@waybill/shared/bson/raw';

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
