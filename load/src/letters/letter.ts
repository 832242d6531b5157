/**
 * A dead letter: a record of the stream that the target refused, put aside so that the load can go
 * on. It is about one document, and holds the record as it was captured.
 */
import { createHash } from 'node:crypto';
import { canonicalKey, documentHash } from '@waybill/shared/bson/canonical-key';
import type { RawElement } from '@waybill/shared/bson/raw';
import type { LetterEnd } from '@waybill/shared/manifest/dead-letter-file';
import type { RecordPlace } from '../apply/refusal.ts';
import type { StatementKind } from '../target/target.ts';

/** A place in the stream, as a letter keeps it. */
export type LetterPlace =
  | { readonly segment: string; readonly lane: number; readonly sequence: number }
  | { readonly segment: string; readonly chunk: number | null; readonly document: number };

/** What is known of a letter without its record. None of it is content of a document. */
export interface Letter {
  /** Counted over the load from 1. */
  readonly number: number;
  /** The collection on the target. A rename of the collection changes it. */
  readonly namespace: string;
  /** The collection in the stream. */
  readonly source: string;
  /** Documents with an equal `_id` have the same two. */
  readonly hash: number;
  readonly key: string;
  readonly kind: StatementKind;
  readonly by: 'check' | 'target';
  readonly rule: string;
  readonly code: number | null;
  readonly reason: string;
  readonly attempts: number;
  readonly place: LetterPlace;
  /** How many records of the stream the refused write stood for. */
  readonly records: number;
  /** When it was written, and the load's epoch then. */
  readonly at: string;
  readonly epoch: number;
}

/** One line of a file's index. Read in order, they tell which letters are open. */
export type IndexLine =
  | { readonly letter: Letter }
  | { readonly closed: number; readonly as: LetterEnd }
  /** A collection of the target is gone, and with it its letters. */
  | { readonly dropped: string }
  | { readonly renamed: string; readonly to: string };

/** Of an `_id`: cheap to compute and not quite unique. */
export function hashOfId({ type, bytes }: RawElement): number {
  return documentHash(0, type, bytes, 0, bytes.length);
}

/** Of an `_id`: two have the same key exactly when a server holds them for one. */
export function keyOfId(id: RawElement): string {
  return createHash('sha256').update(canonicalKey(id), 'latin1').digest('base64url').slice(0, 22);
}

export function letterPlace(place: RecordPlace): LetterPlace {
  const { segment } = place;
  if ('sequence' in place) return { segment, lane: place.lane, sequence: place.sequence };
  return { segment, chunk: place.chunk ?? null, document: place.document };
}

/**
 * How a record stands to another one of the same document. Every change comes after the snapshot.
 * Of two places in the snapshot any may be the later one: the stream then has the change between
 * them, and brings it.
 */
export function compareRecords(one: LetterPlace, other: LetterPlace): 'earlier' | 'same' | 'later' {
  if ('sequence' in one && 'sequence' in other) {
    if (one.sequence === other.sequence) return 'same';
    return one.sequence < other.sequence ? 'earlier' : 'later';
  }
  if ('sequence' in one || 'sequence' in other) return 'sequence' in one ? 'later' : 'earlier';
  return one.segment === other.segment && one.document === other.document ? 'same' : 'later';
}
