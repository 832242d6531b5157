/** What a load's writes meet on the target: batches that are tried again, and why. */

/** A batch that is being tried again. */
export interface RetriedBatch {
  /** Of the first failure, by the wall clock. */
  readonly since: number;
  /** transient or split, as in docs/target-errors.md. */
  readonly kind: string;
  /** The target's words, without values of documents. */
  readonly reason: string;
}

/** Documents that a unique index of the target kept out, which the load does not own. */
export interface IndexConflicts {
  readonly namespace: string;
  readonly index: string;
  readonly met: number;
  /** Written later, when the key was free. */
  readonly solved: number;
  /** Refused in the end. */
  readonly refused: number;
}

export interface WriteTrouble {
  /** Attempts that were repeated, by class of the error. */
  readonly retries: Map<string, number>;
  /** By batch. */
  readonly retried: Map<object, RetriedBatch>;
  /** By collection and index. */
  readonly conflicts: Map<string, IndexConflicts>;
}

export function noTrouble(): WriteTrouble {
  return { retries: new Map(), retried: new Map(), conflicts: new Map() };
}

/** The batch that has been tried again for longest. */
export function oldestRetry({ retried }: Pick<WriteTrouble, 'retried'>): RetriedBatch | null {
  let oldest: RetriedBatch | null = null;
  for (const each of retried.values()) if (!oldest || each.since < oldest.since) oldest = each;
  return oldest;
}
