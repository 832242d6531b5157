import { asBuffer, type RawElement } from '@waybill/shared/bson/raw';
import type { Position } from '@waybill/shared/position';
import type { DataRecord, DocumentOrigin } from '@waybill/shared/record';

/** Where the change stream goes on, exact also where a token can not be used. */
export interface StreamPosition extends Position {
  /**
   * How many captured data events of exactly `clusterTime` lie before the position. A stream that has to start at the
   * cluster time, which is inclusive, drops that many.
   */
  readonly taken: number;
}

/** A record on its way into a segment: the image and the sequence are still to come. */
export interface Change extends DataRecord {
  sequence: number;
  document: Uint8Array | null;
  documentOrigin: DocumentOrigin;
  /** The `_id` inside `documentKey`. */
  readonly id: RawElement;
  /** The event's own token; null for a document that was read in the stream. */
  readonly resumeToken: Uint8Array | null;
  /** Bytes that the event keeps in memory. */
  readonly bytes: number;
  readonly lane: number;
  /** Of a capped collection: documents may go without an event. */
  readonly capped: boolean;
}

/**
 * One document of one collection, as a key of maps. Exact bytes of `_id`: ids that are equal to the server but differ in
 * bytes never live at the same time, and between them lies a delete of the one that was there.
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
