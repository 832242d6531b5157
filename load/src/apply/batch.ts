import type { RawElement } from '@waybill/shared/bson/raw';
import type { Placement } from '../placement/placements.ts';
import type { RecordPlace } from './refusal.ts';

export interface WriteScope {
  /** On the target. */
  readonly namespace: string;
  /** The name on the source: of the records behind the writes. */
  readonly source: string;
  readonly bypassValidation: boolean;
  /** A capped collection: documents are to be made in the order of the stream. */
  readonly keepsOrder: boolean;
  readonly placement: Placement;
}

/** One document to write, or to delete where `document` is null. */
export interface Write {
  readonly id: RawElement;
  readonly document: Uint8Array | null;
  /** Names the records it stands for within its batch's {@link Origin}. */
  readonly record: number;
  /** The stream says that this write made the document: an insert should find nothing there. */
  readonly isNew?: boolean | undefined;
}

/**
 * Finds the records behind a write, when somebody asks. So a write carries a number and no object
 * per record.
 */
export interface Origin {
  /** Oldest first. Takes the source's name of the collection. */
  placesOf(write: Write, source: string): readonly RecordPlace[];
}

/** Writes of one collection; each `_id` occurs once. */
export interface Batch {
  readonly scope: WriteScope;
  readonly writes: readonly Write[];
  readonly origin: Origin;
}

/** Documents of a snapshot segment, as they are. */
export interface DocumentBatch {
  readonly scope: WriteScope;
  readonly documents: readonly Uint8Array[];
  readonly origin: Origin;
  /** The {@link Write.record} of the first one; the others follow. */
  readonly first: number;
}
