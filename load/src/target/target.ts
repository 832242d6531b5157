/**
 * A kind of server that loads write to: the one seam between it and the rest. `open/open-target.ts`
 * opens it. Above it no driver type, command or error code of a server is known, but for the codes
 * of failed writes, which `rules/errors.ts` sorts.
 *
 * The contract, proven for every kind of server by test/src/support/target/contract/contract.ts:
 *
 * 1. A method makes one attempt, unless it says that it retries. It rejects with WaybillErrors
 *    (MONGO_*; kind `transient` where another attempt may succeed). Callers retry.
 * 2. Everything may be repeated: a second call leaves the target as the first did.
 * 3. A write is acknowledged when a majority of the voting members holds it, or as many as
 *    `--write-concern` says. Progress is acknowledged by a majority, and then all batches that were
 *    acknowledged before it are durable too: a cursor never claims what was rolled back.
 * 4. What a target can do is known from its profile, or found by a probe. A probe tells "the server
 *    lacks this" from "the probe failed", which is an error.
 *
 * Rejected: batches at w:1 with one majority write behind them and nothing more. A failover between
 * the two loses the batch and keeps the cursor. So that write also compares elections
 * (mongodb/write-proof.ts). On the measured loads w:1 gained nothing, since several batches are in
 * flight: the default is a majority.
 */
import type { WaybillError } from '@waybill/shared/base/errors';
import type { RawElement } from '@waybill/shared/mongo/driver/raw-value';
import type { ClusterIdentity } from '@waybill/shared/mongo/facts/cluster-identity';
import type { DocumentReader } from '../reading/document-reader.ts';
import type { Learnt } from './learnt.ts';
import type { TargetProfile } from './profiles/profile.ts';
import type { ProgressStore } from './progress-store.ts';
import type { Decision } from './rules/decisions.ts';
import type { DocumentRules } from './rules/documents.ts';
import type { TargetLimits } from './rules/limits.ts';

/** A target as anybody sees it: a status, a comparison, a load before it starts. Writes nothing. */
export interface Target {
  /** The host list, for messages. */
  readonly url: string;
  readonly profile: TargetProfile;
  /** The one database that can be reached; null where there may be others. */
  readonly onlyDatabase: string | null;
  /** What it refuses of documents, as far as is known: for an assessment. Null: nothing. */
  readonly assessedRules: DocumentRules | null;
  readonly reader: DocumentReader;
  /** Which cluster this is, whatever its hosts are called. */
  identity(signal: AbortSignal): Promise<ClusterIdentity>;
  /** Progress of loads in that database. Nothing but their conditions keeps late changes out. */
  progress(database: string): ProgressStore;
  /**
   * The user may do in these databases what every load does, the cutover included. Passes where the
   * server has no access control, or does not tell. @throws MONGO_UNAUTHORIZED
   */
  assertPrivileges(databases: readonly string[], signal: AbortSignal): Promise<void>;
  /**
   * How these collections are sharded now; those that are not are left out. @throws
   * TARGET_UNSUPPORTED where the target does not tell the key
   */
  shardKeys(namespaces: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, ShardKey>>;
  /** Finds out what the target can do, by probes that change nothing. */
  forLoad(settings: LoadTargetSettings): Promise<LoadTarget>;
}

export interface LoadTargetSettings {
  readonly progressDatabase: string;
  /** The server gives a write up after this, in milliseconds. */
  readonly maxWriteMs: number;
  /** Who acknowledges batches, as `--write-concern` has it. Default: a majority. */
  readonly writeConcern?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A target as one load writes it. */
export interface LoadTarget extends TargetStructure {
  /** The host list, for messages. */
  readonly url: string;
  readonly profile: TargetProfile;
  readonly limits: TargetLimits;
  /** What is checked before it is sent. Null: nothing. */
  readonly documentRules: DocumentRules | null;
  readonly capabilities: TargetCapabilities;
  /** The longest that one of our writes may run, in milliseconds. */
  readonly maxWriteMs: number;
  readonly progress: ProgressStore;
  readonly learnt: Learnt;

  /**
   * Keeps earlier owners of this load out. Once it resolves to true, no batch of an epoch below the
   * tag's runs, and the server refuses those that still come: their {@link write} rejects with
   * LOAD_FENCED. The same holds for unconditional changes of {@link progress}. False where the
   * server cannot do so: then time alone keeps owners apart.
   *
   * Call it before the first write; from then on at most `slots` writes at once. @throws
   * LOAD_FENCED
   */
  shutOut(request: FenceRequest): Promise<boolean>;
  /** Keeps the server from forgetting whom it shuts out: at least every half hour. */
  keepShutOut(): Promise<void>;
  /** How this load goes about the target, and why. What a takeover finds is in it after that. */
  decisions(): readonly Decision[];
  /**
   * Whom the server takes us for; null where it does not say. Sessions of users are apart, so an
   * owner shuts out only owners with the same login.
   */
  login(): Promise<string | null>;

  /** {@link Target.shardKeys} */
  shardKeys(namespaces: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, ShardKey>>;
  /** `_id` and these fields of each document whose `_id` the server holds equal to one of them. */
  locate(
    namespace: string,
    ids: readonly RawElement[],
    fields: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly Buffer[]>;

  write(batch: WriteBatch, tag: WriteTag): Promise<WriteResult>;
  /**
   * Makes sure that no election takes back what {@link write} has acknowledged. Changes of
   * {@link progress} do so by themselves. @throws TARGET_LOST_WRITES
   */
  proveWrites(): Promise<void>;
  /**
   * A batch lately got no answer and may still be done. Never true where the server refuses late
   * batches.
   */
  mayStillWrite(): boolean;
  /** Whether older writes of this load still run; null where the server does not tell. */
  olderWritesRun(tag: WriteTag): Promise<boolean | null>;
}

/** What stands on the target, and how it is changed. */
export interface TargetStructure {
  collection(namespace: string): Promise<TargetCollection | null>;
  collections(database: string): Promise<readonly TargetCollection[]>;
  /** Raw BSON of each listIndexes entry that is built; none for a missing collection or a view. */
  indexes(namespace: string): Promise<readonly Buffer[]>;
  isEmpty(namespace: string): Promise<boolean>;
  /** The cluster made the second collection of the first, with its documents. By uuids. */
  wasResharded(from: Buffer, to: Buffer): Promise<boolean>;
  /** One that stands there by that name stays as it is: look first whose it is. */
  create(namespace: string, options: Fields, tag: WriteTag): Promise<void>;
  /**
   * False where it is gone. Another collection of that name stays, where the server has uuids
   * (6.0).
   */
  drop(collection: TargetCollection, tag: WriteTag): Promise<boolean>;
  /**
   * False as for {@link drop}. An existing `to` is an error. Into another database it is a copy,
   * which some servers refuse; there, another collection of that name may be renamed instead.
   */
  rename(from: TargetCollection, to: string, tag: WriteTag): Promise<boolean>;
  /**
   * Builds all and waits, without a limit of time. An index that exists with the same options is
   * fine.
   */
  createIndexes(
    namespace: string,
    specs: readonly Uint8Array[],
    tag: WriteTag,
    signal?: AbortSignal,
  ): Promise<void>;
  /** How far the builds of a collection's indexes are; null where the target does not show it. */
  buildProgress(namespace: string): Promise<BuildProgress | null>;
  /** False where there is none. */
  dropIndex(namespace: string, name: string, tag: WriteTag): Promise<boolean>;
  /** collMod. */
  modify(namespace: string, fields: Fields, tag: WriteTag): Promise<void>;
  /** Turns an index into a unique one, or leaves it as it is. Safe on one that is unique. */
  makeUnique(namespace: string, indexName: string, tag: WriteTag): Promise<UniqueConversion>;
  /**
   * What {@link makeUnique} would answer, without a unique index. Null where somebody took the way
   * to it back meanwhile. Only where the target {@link TargetCapabilities.convertsToUnique}.
   */
  tryUnique(namespace: string, indexName: string, tag: WriteTag): Promise<UniqueConversion | null>;
  /**
   * Takes uniqueness from an index, or the way to it where it is not unique yet (`isUnique`). False
   * where the server cannot do so with a standing index.
   */
  makeNonUnique(namespace: string, indexName: string, isUnique: boolean, tag: WriteTag): Promise<boolean>;
}

export interface TargetCapabilities {
  /**
   * A flag of the command keeps Timestamp(0,0) at top level. Without it such documents go as
   * pipeline updates.
   */
  readonly keepsEmptyTimestamps: boolean;
  /** Updates may be pipelines. */
  readonly updatesByPipeline: boolean;
  /**
   * Nothing keeps the server's own time out of Timestamp(0,0), and its profile says so: such
   * documents go as any other.
   */
  readonly altersEmptyTimestamps: boolean;
  /** collMod turns a non-unique index into a unique one. */
  readonly convertsToUnique: boolean;
  /** Indexes can be hidden. */
  readonly hidesIndexes: boolean;
  readonly renamesCollections: boolean;
  /** Builds several indexes of one collection at once, in one command or in several. */
  readonly buildsIndexesTogether: boolean;
}

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
   * Past the collection's validator: it is the source's own, and the source accepted the document.
   */
  readonly bypassValidation: boolean;
  /** Into a capped collection. */
  readonly keepsOrder: boolean;
}

export interface WriteResult {
  /** Documents inserted, matched or made, or deleted. */
  readonly n: number;
  readonly failures: readonly StatementFailure[];
  /** Set where the write concern was not met: then none of the others is known to be durable. */
  readonly undurable?: WaybillError;
}

/** One statement that the server refused; the others of the batch were executed. */
export interface StatementFailure {
  readonly index: number;
  readonly code: number;
  /** The server's words, without the values that it quotes. */
  readonly message: string;
  /** A duplicate key on `_id` and not on another unique index. */
  readonly duplicateId: boolean;
  /** The unique index that refused, where the server tells. */
  readonly indexName: string | undefined;
}

export interface BuildProgress {
  readonly done: number;
  readonly total: number;
}

export interface TargetCollection {
  readonly namespace: string;
  readonly type: string;
  /** Sixteen bytes; null for views, and on targets without uuids. */
  readonly uuid: Buffer | null;
  /** Raw BSON of listCollections' `options`. */
  readonly options: Buffer;
}

export interface ShardKey {
  /** Paths with dots, in the key's order. */
  readonly fields: readonly string[];
  /** As an index has it: raw BSON. */
  readonly pattern: Buffer;
  /** Differs once the collection was sharded anew. */
  readonly version: string;
}

export type Fields = readonly (readonly [name: string, value: RawElement])[];

export interface UniqueConversion {
  /** False: documents that share a key are in the way, and the index stays as it was. */
  readonly unique: boolean;
  /** How many such keys there are, as far as the server says. */
  readonly violations: number;
}

/** What fences a write: {@link Ownership} gives it. The server shows it in `$currentOp`. */
export interface WriteTag {
  readonly load: string;
  readonly epoch: number;
}

/** Unconditional writes of progress that go to the target at once; more of them wait. */
export const PROGRESS_WRITES = 4;

/** {@link LoadTarget.shutOut} */
export interface FenceRequest {
  readonly tag: WriteTag;
  /**
   * Random. All owners of the load have the same key, and nobody else has it: not even a load of
   * that name that was begun anew.
   */
  readonly key: string;
  /** Writes under way at once, at most: this owner's batches, and {@link PROGRESS_WRITES}. */
  readonly slots: number;
  /** The most that any owner could have, this one included. */
  readonly allSlots: number;
  /** A document of the progress collection for each slot, counted from 0. */
  readonly documentOf: (slot: number) => string;
}
