/** Where loads keep their progress: small documents on the target, keyed by strings. */

/** Plain values that a progress document holds. */
export type ProgressValue =
  | string
  | number
  | boolean
  | null
  | Uint8Array
  | Date
  | readonly ProgressValue[]
  | { readonly [name: string]: ProgressValue };

export interface ProgressDocument {
  readonly _id: string;
  readonly [name: string]: ProgressValue;
}

export interface ProgressChange {
  readonly id: string;
  /**
   * Further conditions on the document as it stands: a change whose conditions fail changes
   * nothing. A change with conditions must do no harm when it comes late: after its own repetition,
   * or from an earlier owner. A change without them is refused when it comes late, where the target
   * can do so.
   */
  readonly when?: Readonly<Record<string, ProgressValue>>;
  readonly set: Readonly<Record<string, ProgressValue>>;
  /** Set only where this change makes the document. */
  readonly setOnInsert?: Readonly<Record<string, ProgressValue>>;
  readonly upsert?: boolean;
}

export interface CollectionHolder {
  readonly namespace: string;
  readonly load: string;
  /** The collection that the load knows there, in hex; null where it does not know it yet. */
  readonly targetUuid: string | null;
}

/**
 * Every write is durable (majority, journaled) when it is acknowledged, and with it every batch
 * that was acknowledged before it. One attempt each; callers retry.
 */
export interface ProgressStore {
  /** The collection that holds them. */
  readonly namespace: string;
  /** What the collection holds: a user may have one of that name. */
  contents(signal: AbortSignal): Promise<'nothing' | 'ours' | 'other documents'>;
  /** Documents whose key starts with `prefix`, in the order of their keys. */
  find(prefix: string): Promise<readonly ProgressDocument[]>;
  /** Loads, of any stream, that made or took over one of the collections. */
  holders(namespaces: readonly string[]): Promise<readonly CollectionHolder[]>;
  /**
   * In order, in one command. Returns how many matched or were made. An upsert whose conditions
   * fail counts as not matched.
   */
  update(changes: readonly ProgressChange[]): Promise<number>;
  remove(ids: readonly string[]): Promise<void>;
}
