import type { FieldDifference } from './diff.ts';

/** What a verification found. Plain data: it is printed as a table and written as JSON. */
export interface VerifyReport {
  /**
   * Something was compared, every document could be, and nothing differs.
   */
  readonly same: boolean;
  readonly scope: VerifyScope;
  readonly startedAt: string;
  readonly seconds: number;
  readonly collections: readonly CollectionReport[];
  readonly structure: readonly StructureDifference[];
  /** In detail, up to the limit asked for. The counts of the collections have all of them. */
  readonly differences: readonly DocumentDifference[];
}

export interface VerifyScope {
  /** As given on a command line; null: everything. */
  readonly patterns: string | null;
  /** Compared document for document, empty ones too. */
  readonly collections: number;
  readonly views: number;
  /** Their definitions are compared, and their measurements are not. */
  readonly timeSeries: readonly string[];
  /** In words. */
  readonly leftOut: readonly string[];
}

/** A comparison of nothing proves nothing. */
export function isEmpty({ scope }: Pick<VerifyReport, 'scope'>): boolean {
  return scope.collections + scope.views === 0;
}

export interface CollectionReport {
  /** On the target, as everywhere in a report. */
  readonly namespace: string;
  /** The name on the source, where it is another one. */
  readonly source?: string;
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
   * `_id`s that two documents of one side share, on different shards. A target can hold only one of
   * the two.
   */
  readonly duplicates: number;
  /**
   * Differed, and changed on the source as long as they were looked at. Nothing can be said of
   * them.
   */
  readonly changing: number;
  /** The same but for values that the target keeps in a form of its own. No difference. */
  readonly canonical: number;
  /** Differed at first and were the same when looked at again: changes on their way. */
  readonly settled: number;
  /** Of those missing, extra and different: documents whose dead letters are open. */
  readonly letters: number;
}

export interface StructureDifference {
  readonly namespace: string;
  readonly source?: string;
  readonly what:
    | 'collection-missing'
    | 'collection-extra'
    /** Another load made it. Reported, and no difference. */
    | 'collection-of-load'
    | 'options'
    | 'index-missing'
    | 'index-extra'
    | 'index-different'
    /** The same index stands there under another name. */
    | 'index-renamed'
    /** No current server has such an index. Reported, and no difference. */
    | 'index-unsupported'
    /** The load was given `--indexes none`. Reported, and no difference. */
    | 'index-left-out'
    /** An index that the target needs for its own shard key. Reported, and no difference. */
    | 'index-shard-key'
    /** A time-series collection: its measurements are not compared. */
    | 'not-compared'
    | 'order'
    /**
     * The same for a source whose own oplog does not tell that order. Reported, and no difference:
     * nothing could correct it.
     */
    | 'order-untold';
  /** The index, or the options that differ. */
  readonly detail: string;
  /**
   * As a load leaves it until the cutover (unique as non-unique, TTL disarmed, hidden shown). Not a
   * difference yet.
   */
  readonly heldBack: boolean;
  /**
   * The index or the option that it is about, if any. For an index under another name: that name
   * and the source's.
   */
  readonly names?: readonly string[];
  /** Why the target does not have it, in the target's words. */
  readonly blocked?: string;
  /** The operator accepts it: no difference. */
  readonly accepted?: boolean;
}

export interface DocumentDifference {
  readonly namespace: string;
  readonly source?: string;
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
  /** The number of the dead letter that explains it. */
  readonly letter?: number;
}

/** Nothing differs but documents whose letters are open. */
export function isSameButLetters({
  collections,
  structure,
}: Pick<VerifyReport, 'collections' | 'structure'>): boolean {
  return (
    !structure.some(isDifference) &&
    collections.every(
      ({ missing, extra, different, duplicates, changing, letters }) =>
        missing + extra + different === letters && duplicates + changing === 0,
    )
  );
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
  'collection-of-load',
  'index-unsupported',
  'index-left-out',
  'index-shard-key',
  'order-untold',
]);

/**
 * Reported without being a difference: what is held back until the cutover, what no server can
 * have, what nobody wants, and what is accepted.
 */
export function isDifference({ heldBack, what, accepted = false }: StructureDifference): boolean {
  return !heldBack && !accepted && !NO_DIFFERENCE.has(what);
}
