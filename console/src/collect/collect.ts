/**
 * Reads what a status needs: the logs from the bucket, the progress from the target, the clock of
 * the source.
 */
import { type LoadedProgress, readProgress } from '@waybill/load/progress/progress';
import { streamIdentityText } from '@waybill/load/progress/stream-identity';
import { assertBound, lookAtTarget, settleProgressDatabase } from '@waybill/load/progress/target-bond';
import { conflictsOf, type Retrying, retryingOf } from '@waybill/load/progress/trouble';
import { type ToldPace, toldPace } from '@waybill/load/rate/told-pace';
import { type Blocked, blockedIn } from '@waybill/load/structure/blocked';
import { Registry } from '@waybill/load/structure/registry';
import type { Target } from '@waybill/load/target/target';
import { WaybillError } from '@waybill/shared/base/errors';
import { DEFAULT_RETRY, type RetryPolicy } from '@waybill/shared/base/retry';
import type { IndexConflicts } from '@waybill/shared/base/write-trouble';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import type { StreamIdentity } from '@waybill/shared/manifest/commit';
import { foldCommit } from '@waybill/shared/manifest/fold';
import { readStream } from '@waybill/shared/manifest/identity';
import { loadPrefix, streamPrefix } from '@waybill/shared/manifest/keys';
import { KnownHead } from '@waybill/shared/manifest/known-head';
import { readCommits, readManifest } from '@waybill/shared/manifest/log';
import { EMPTY_STATE, type StreamState } from '@waybill/shared/manifest/state';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { currentOperationTime } from '@waybill/shared/mongo/facts/operation-time';
import type { Status, Unreachable } from '../model/shape.ts';
import { statusOf } from '../model/status.ts';

/** Somebody is watching: report a bucket that is away soon, and do not wait for it. */
const PATIENCE: RetryPolicy = { ...DEFAULT_RETRY, maxElapsedMs: 5000 };

export interface CollectSettings {
  readonly stream: string;
  readonly load: string;
  /** Default: the database that the load's log names. */
  readonly progressDatabase?: string | undefined;
}

/** Gives the same side each time. If it could not be opened, the next call tries again. */
export type Side<T> = () => Promise<T>;

export interface CollectDeps {
  readonly bucket: Bucket;
  /** Null if it is not asked. */
  readonly source: Side<MongoConnection> | null;
  readonly target: Side<Target> | null;
  readonly signal: AbortSignal;
}

interface OnTarget {
  readonly progress: LoadedProgress;
  readonly retrying: Retrying | null;
  readonly conflicts: readonly IndexConflicts[];
  readonly blocked: readonly Blocked[];
  readonly pace: ToldPace | null;
}

/** A repeated collect reads only the commits that are new. */
export class StatusCollector {
  readonly #settings: CollectSettings;
  readonly #deps: CollectDeps;
  #stream: StreamState | null = null;
  #load: StreamState | null = null;

  constructor(settings: CollectSettings, deps: CollectDeps) {
    this.#settings = settings;
    this.#deps = deps;
  }

  /**
   * The status reports a server that gives no answer, beside what the bucket knows.
   * @throws STREAM_MISSING, MANIFEST_CORRUPT, and errors of the bucket
   */
  async collect(): Promise<Status> {
    const { bucket, source, target, signal } = this.#deps;
    const { stream, load } = this.#settings;
    const identity = await readStream(bucket, streamPrefix(stream), { signal, retryPolicy: PATIENCE });
    // The load's side comes first: it must not seem to have reached more than the stream has.
    this.#load = await this.#advance(loadPrefix(stream, load), this.#load);
    const unreachable: Unreachable[] = [];
    const onTarget = await ask('target', target, unreachable, (opened) => this.#progressOn(opened, identity));
    this.#stream = await this.#advance(streamPrefix(stream), this.#stream);
    // This comes last, so that the time spent reading does not make the lag smaller.
    const sourceTime = await ask('source', source, unreachable, (connection) =>
      currentOperationTime(connection, { signal }),
    );
    return statusOf({
      bucket: bucket.url,
      identity,
      stream: this.#stream,
      load: { progress: null, ...onTarget, name: load, log: this.#load },
      sourceTime,
      unreachable,
      now: Date.now(),
    });
  }

  /** Tells nothing about another target than the load's: nobody should take it for the load's. */
  async #progressOn(target: Target, identity: StreamIdentity): Promise<OnTarget> {
    const { stream, load, progressDatabase: given = null } = this.#settings;
    const before = this.#load ?? EMPTY_STATE;
    const progressDatabase = settleProgressDatabase(given, before, load, target.onlyDatabase);
    let retrying: Retrying | null = null;
    let conflicts: readonly IndexConflicts[] = [];
    let pace: ToldPace | null = null;
    if (before.seq > 0) {
      const sight = await lookAtTarget(target, { load, progressDatabase }, this.#deps.signal);
      retrying = retryingOf(sight.owner);
      conflicts = conflictsOf(sight.owner);
      pace = toldPace(sight.owner);
      // An epoch is in the log before it is on the target.
      this.#load = await this.#advance(loadPrefix(stream, load), before);
      assertBound(this.#load, sight, { load, stream: streamIdentityText(identity) });
    }
    const store = target.progress(progressDatabase);
    const progress = await readProgress(store, load, identity.lanes);
    const registry = await Registry.open(store, load);
    const blocked = registry.all().flatMap(blockedIn);
    return { progress, blocked, retrying, conflicts, pace };
  }

  async #advance(prefix: string, known: StreamState | null): Promise<StreamState> {
    const { bucket, signal } = this.#deps;
    const options = { signal, retryPolicy: PATIENCE };
    if (known === null || known.seq === 0) return readManifest(bucket, prefix, options);
    let state = known;
    const head = new KnownHead(bucket, prefix);
    for await (const next of readCommits(bucket, prefix, { ...options, after: known, head }))
      state = foldCommit(state, next);
    return state;
  }
}

/**
 * Null if the side is not asked or gives no answer. If it gives no answer, `unreachable` tells why.
 */
async function ask<S, T>(
  side: Unreachable['side'],
  open: Side<S> | null,
  unreachable: Unreachable[],
  question: (side: S) => Promise<T>,
): Promise<T | null> {
  if (!open) return null;
  try {
    return await question(await open());
  } catch (error) {
    if (!(error instanceof WaybillError) || !error.code.startsWith('MONGO_')) throw error;
    if (error.code === 'MONGO_URI_INVALID') throw error;
    unreachable.push({ side, code: error.code, message: error.message, hint: error.hint ?? null });
    return null;
  }
}
