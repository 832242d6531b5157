import type { FieldDifference } from '@waybill/shared/bson/diff';

/** What a verification found. Plain data: it is printed as a table and written as JSON. */
export interface VerifyReport {
  /**
   * No difference of any kind, no document that could not be compared, and something was compared.
   */
  readonly same: boolean;
  readonly scope: VerifyScope;
  readonly startedAt: string;
  readonly seconds: number;
  readonly collections: readonly CollectionReport[];
  readonly structure: readonly StructureDifference[];
  /**
   * In detail, at most the limit asked for; the counts of the collections tell how many there are.
   */
  readonly differences: readonly DocumentDifference[];
}

export interface VerifyScope {
  /** As one would give them; null: everything. */
  readonly patterns: string | null;
  /** Compared document for document, empty ones too. */
  readonly collections: number;
  readonly views: number;
  /** Their definitions are compared, and not what was measured. */
  readonly timeSeries: readonly string[];
  /** In words. */
  readonly leftOut: readonly string[];
}

/** A comparison of nothing proves nothing. */
export function isEmpty({ scope }: Pick<VerifyReport, 'scope'>): boolean {
  return scope.collections + scope.views === 0;
}

export interface CollectionReport {
  readonly namespace: string;
  readonly sourceDocuments: number;
  readonly targetDocuments: number;
  /** Bytes of the source's documents that were compared. */
  readonly bytes: number;
  /** Documents that only the source has. */
  readonly missing: number;
  /** Documents that only the target has. */
  readonly extra: number;
  /** Documents that both have, with other bytes. */
  readonly different: number;
  /**
   * `_id`s that two documents of one side share, on different shards: one of them cannot stand
   * elsewhere.
   */
  readonly duplicates: number;
  /**
   * Differed, and changed on the source as long as they were looked at: nothing can be said of
   * them.
   */
  readonly changing: number;
  /** Differed at first and were the same when looked at again: changes on their way. */
  readonly settled: number;
}

export interface StructureDifference {
  readonly namespace: string;
  readonly what:
    | 'collection-missing'
    | 'collection-extra'
    | 'options'
    | 'index-missing'
    | 'index-extra'
    | 'index-different'
    /** The same index stands there under another name. */
    | 'index-renamed'
    /** No current server has such an index. Told, and no difference. */
    | 'index-unsupported'
    /** The load was given `--indexes none`. Told, and no difference. */
    | 'index-left-out'
    /** A time-series collection: its measurements are not compared. */
    | 'not-compared'
    | 'order'
    /**
     * The same of a source whose own oplog does not tell that order. Told, and no
     * difference: nothing could mend it.
     */
    | 'order-untold';
  /** The index, or the options that differ. */
  readonly detail: string;
  /**
   * As a load leaves it until the cutover (unique as non-unique, TTL disarmed, hidden shown): not a
   * difference yet.
   */
  readonly heldBack: boolean;
  /**
   * The index or the option that it is about, where it is about one; of an index under another
   * name that and the source's.
   */
  readonly names?: readonly string[];
  /** Why the target does not have it, in the target's words. */
  readonly blocked?: string;
  /** The operator takes it as it is: no difference. */
  readonly accepted?: boolean;
}

export interface DocumentDifference {
  readonly namespace: string;
  /** Canonical Extended JSON, cut where it is long. */
  readonly id: string;
  readonly kind: 'missing' | 'extra' | 'different' | 'duplicate' | 'changing';
  /**
   * Milliseconds for which both sides stood still and differed; null where the source kept
   * changing.
   */
  readonly ageMs: number | null;
  /** Paths and what differs there, never values. */
  readonly fields: readonly FieldDifference[];
}

export function isSame(
  collections: readonly CollectionReport[],
  structure: readonly StructureDifference[],
): boolean {
  return (
    !structure.some(isDifference) &&
    collections.every(
      ({ missing, extra, different, duplicates, changing }) =>
        missing + extra + different + duplicates + changing === 0,
    )
  );
}

const NO_DIFFERENCE: ReadonlySet<StructureDifference['what']> = new Set([
  'index-unsupported',
  'index-left-out',
  'order-untold',
]);

/**
 * What is held back until the cutover, what no server can have, what nobody wants and what is
 * accepted is told and is none.
 */
export function isDifference({ heldBack, what, accepted = false }: StructureDifference): boolean {
  return !heldBack && !accepted && !NO_DIFFERENCE.has(what);
}
