/**
 * Where a load writes. The one seam between the loader and a kind of server: no driver type,
 * command or error code is known above it, except the server's own codes of single refused
 * statements, which `apply/write-errors.ts` sorts.
 *
 * All methods make one attempt and reject with WaybillErrors (MONGO_*, kind `transient` where
 * another attempt may succeed); the callers retry. All are safe to repeat. Writes are acknowledged
 * only when a majority of the target's voting members holds them: an acknowledged batch survives a
 * failover, so a cursor written after it never claims what was rolled back. (Rejected: batches at
 * w:1 with one majority write behind them. A failover between the two loses the batch and keeps the
 * cursor; and on the measured loads w:1 gained nothing, since several batches are in flight.)
 */
import type { RawElement } from '@waybill/shared/mongo/driver/raw-value';

export type StatementKind = 'insert' | 'update' | 'delete';

export interface WriteBatch {
  readonly kind: StatementKind;
  readonly namespace: string;
  /**
   * Raw BSON: documents of an insert, statements of an update or delete. Executed in any order,
   * each on its own.
   */
  readonly statements: readonly Uint8Array[];
  /**
   * Writes past the collection's validator: it is the source's own, and the source accepted the
   * document.
   */
  readonly bypassValidation: boolean;
  /** Into a capped collection. */
  readonly keepsOrder: boolean;
}

/** One statement that the server refused; the others of the batch were executed. */
export interface StatementFailure {
  readonly index: number;
  readonly code: number;
  /** The server's words, without the values that it quotes. */
  readonly message: string;
  /** A duplicate key (11000) on `_id` and not on another unique index. */
  readonly duplicateId: boolean;
  /** The unique index that refused, where the server tells. */
  readonly indexName: string | undefined;
}

export interface WriteResult {
  /** Documents inserted, matched or made, or deleted. */
  readonly n: number;
  readonly failures: readonly StatementFailure[];
}

export interface TargetLimits {
  /** Statements that one command may hold. */
  readonly batchStatements: number;
  /** Bytes that one command may hold, with room for the rest of the message. */
  readonly batchBytes: number;
}

export interface TargetCapabilities {
  /**
   * Keeps Timestamp(0,0) at top level with a command flag; without it such documents go as pipeline
   * updates.
   */
  readonly keepsEmptyTimestamps: boolean;
  /** collMod turns a non-unique index into a unique one. */
  readonly convertsToUnique: boolean;
  /** Indexes can be hidden. */
  readonly hidesIndexes: boolean;
}

export interface TargetCollection {
  readonly namespace: string;
  readonly type: string;
  /** Sixteen bytes; null for views, and on targets that have none. */
  readonly uuid: Buffer | null;
  /** Raw BSON of listCollections' `options`. */
  readonly options: Buffer;
}

export type Fields = readonly (readonly [name: string, value: RawElement])[];

export interface UniqueConversion {
  /** False: documents that share a key are in the way, and the index stays as it was. */
  readonly unique: boolean;
  /** How many such keys there are, as far as the server says. */
  readonly violations: number;
}

/** What fences a write: {@link Ownership} gives it; the server shows it in `$currentOp`. */
export interface WriteTag {
  readonly load: string;
  readonly epoch: number;
}

/** Unconditional writes of progress that go to the target at once; more of them wait. */
export const PROGRESS_WRITES = 4;

/** {@link Target.shutOut} */
export interface FenceRequest {
  readonly tag: WriteTag;
  /**
   * Random; all owners of the load have the same, and nobody else, not even a load of that name
   * that was begun anew.
   */
  readonly key: string;
  /**
   * Writes that this owner has under way at once, at most: batches, and {@link PROGRESS_WRITES}.
   */
  readonly slots: number;
  /** The most that any owner could have, this one included. */
  readonly allSlots: number;
  /** A document of the progress collection for each slot, counted from 0. */
  readonly documentOf: (slot: number) => string;
}

/** What stands on the target, and how it is changed. */
export interface TargetStructure {
  collection(namespace: string): Promise<TargetCollection | null>;
  collections(database: string): Promise<readonly TargetCollection[]>;
  /** Raw BSON of each listIndexes entry that is built; none for a missing collection or a view. */
  indexes(namespace: string): Promise<readonly Buffer[]>;
  isEmpty(namespace: string): Promise<boolean>;
  /** False where a collection or view of that name exists already. */
  create(namespace: string, options: Fields, tag: WriteTag): Promise<boolean>;
  /**
   * False where it is gone; one that has its name by now is left, where the server has uuids (6.0).
   */
  drop(collection: TargetCollection, tag: WriteTag): Promise<boolean>;
  /** The like. An existing `to` is an error. */
  rename(from: TargetCollection, to: string, tag: WriteTag): Promise<boolean>;
  /**
   * Builds all and waits; an index that exists with the same options is fine. Not limited in time.
   */
  createIndexes(
    namespace: string,
    specs: readonly Uint8Array[],
    tag: WriteTag,
    signal?: AbortSignal,
  ): Promise<void>;
  /** False where there is none. */
  dropIndex(namespace: string, name: string, tag: WriteTag): Promise<boolean>;
  /** collMod. */
  modify(namespace: string, fields: Fields, tag: WriteTag): Promise<void>;
  /** Turns an index into a unique one, or leaves it as it is. Safe on one that is unique. */
  makeUnique(namespace: string, indexName: string, tag: WriteTag): Promise<UniqueConversion>;

  /**
   * Takes uniqueness, or where it `isUnique` not yet the way to it, from an index. False where the
   * server can not do so with an index that stands. Safe to repeat.
   */
  makeNonUnique(namespace: string, indexName: string, isUnique: boolean, tag: WriteTag): Promise<boolean>;
}

export interface Target extends TargetStructure {
  /** The host list, for messages. */
  readonly url: string;
  readonly limits: TargetLimits;
  readonly capabilities: TargetCapabilities;
  readonly progress: ProgressStore;

  /**
   * Once it is fulfilled with true, no batch of this load with an epoch below the tag's runs, and
   * the server refuses those that still come: their {@link write} rejects with LOAD_FENCED. False
   * where the server can not do so; then time alone keeps owners apart. Before the first write;
   * from then on no more than `slots` writes at once. The like for {@link progress}, where an
   * unconditional write of an earlier owner is refused too. @throws LOAD_FENCED
   */
  shutOut(request: FenceRequest): Promise<boolean>;
  /**
   * Whom the server takes us for; null where it does not say. It tells the sessions of users apart,
   * so an owner shuts out only those who log in as it does.
   */
  login(): Promise<string | null>;
  /** Keeps the server from forgetting whom it shuts out: at least every half hour. */
  keepShutOut(): Promise<void>;

  write(batch: WriteBatch, tag: WriteTag): Promise<WriteResult>;
  /**
   * A batch got no answer lately, and nothing keeps it from being done yet. Never so
   * where the server refuses it.
   */
  mayStillWrite(): boolean;

  /**
   * Whether writes of this load with an epoch below the tag's still run. Null where the server does
   * not tell.
   */
  olderWritesRun(tag: WriteTag): Promise<boolean | null>;
}

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
   * Further conditions on the document as it is; a change whose conditions fail changes nothing. A
   * change that has any must do no harm when it comes late: after its own repetition, or from an
   * earlier owner. The target refuses late ones without any, where it can.
   */
  readonly when?: Readonly<Record<string, ProgressValue>>;
  readonly set: Readonly<Record<string, ProgressValue>>;
  /** Set only where the document is made by this change. */
  readonly setOnInsert?: Readonly<Record<string, ProgressValue>>;
  readonly upsert?: boolean;
}

/**
 * Small documents of ours on the target, keyed by strings. Every write is durable (majority,
 * journaled) when it is acknowledged, and with it every batch acknowledged before.
 */
export interface ProgressStore {
  /** The collection that holds them. */
  readonly namespace: string;
  /** Documents whose key starts with `prefix`, in the order of their keys. */
  find(prefix: string): Promise<readonly ProgressDocument[]>;
  /**
   * The loads, of any stream, that have made or taken over a collection: told where one stands in
   * the way.
   */
  holders(namespace: string): Promise<readonly string[]>;
  /**
   * In order, in one command. Returns how many matched or were made. An upsert whose conditions
   * fail counts as not matched.
   */
  update(changes: readonly ProgressChange[]): Promise<number>;
  remove(ids: readonly string[]): Promise<void>;
}
