/**
 * The owner of a log.
 *
 * 1. Owning is having committed the highest epoch (BF-3). No clock, no lease: an owner learns that
 *    it is fenced when it loses a number to a higher epoch, and never writes again.
 * 2. Commits are serial. One that lost its number to an operator's note takes the note in and tries
 *    the next number.
 * 3. No commit follows one that is gone: known-head.ts. What a state cannot be followed by is
 *    refused before it is written.
 * 4. After a put whose outcome stays unknown the writer is done for: its state may be one commit
 *    behind the log. A new acquire reads the truth. A crash at any await is the same case.
 */
import { randomUUID } from 'node:crypto';
import { hasCode, WaybillError } from '../base/errors.ts';
import { throwIfAborted } from '../base/lifecycle.ts';
import type { Bucket } from '../bucket/bucket.ts';
import { type EncodedCommit, nextCommit, type PutCommitOptions, putCommit, signature } from './append.ts';
import { isCheckpointDue, writeCheckpoint } from './checkpoint.ts';
import type { ChainedCommit } from './codec.ts';
import type { Commit, CommitBody } from './commit.ts';
import { foldCommit } from './fold.ts';
import { KnownHead } from './known-head.ts';
import { readCommits, readManifest } from './log.ts';
import type { LogOptions } from './options.ts';
import type { StreamState } from './state.ts';

export interface AcquireOptions extends LogOptions {
  readonly bucket: Bucket;
  /** `<stream>` or `<stream>/loads/<load>`. */
  readonly prefix: string;
  /** This process, for people: host, process id, random part. Never the same twice. */
  readonly writer: string;
  /**
   * Goes into the commit that takes the epoch. From the state, where what to write depends on it.
   */
  readonly body?: CommitBody | ((state: StreamState) => CommitBody) | undefined;
}

export class ManifestWriter {
  readonly #bucket: Bucket;
  readonly #prefix: string;
  readonly #writer: string;
  readonly #options: PutCommitOptions;
  #state: StreamState;
  #epoch = 0;
  /** Why nothing more can be written; set once. */
  #broken: unknown;
  /** Taken in and not yet handed out by poll. */
  #notes: Commit[] = [];
  #queue: Promise<unknown> = Promise.resolve();
  #checkpoint: Promise<void> | undefined;

  private constructor(options: AcquireOptions, state: StreamState) {
    this.#bucket = options.bucket;
    this.#prefix = options.prefix;
    this.#writer = signature(options.writer, options.bucket);
    // The signal of the acquire ends with it; each later call brings its own.
    this.#options = {
      retryPolicy: options.retryPolicy,
      onRetry: options.onRetry,
      head: new KnownHead(options.bucket, options.prefix),
    };
    this.#state = state;
  }

  /**
   * Takes the log over: whoever owned it is fenced from here on.
   * @throws MANIFEST_CORRUPT, FORMAT_UNSUPPORTED, or the bucket's errors
   */
  static async acquire(options: AcquireOptions): Promise<ManifestWriter> {
    const writer = new ManifestWriter(options, await readManifest(options.bucket, options.prefix, options));
    await writer.#serial(() => writer.#takeEpoch(options));
    return writer;
  }

  /** The log up to the last commit made or taken in. */
  get state(): StreamState {
    return this.#state;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /**
   * Makes one commit. Waits for those before it; the body is looked at when its turn comes. The
   * signal also ends the checkpoint that may follow it.
   * @throws MANIFEST_FENCED for good once another writer has taken the log over; INTERNAL if the
   *   body does not fit the state, and then nothing is written and the writer stays usable
   */
  commit(body: CommitBody, signal?: AbortSignal): Promise<Commit> {
    return this.#serial(() => this.#append(body, signal));
  }

  /**
   * Takes in what others appended, and finds out about being fenced.
   * @returns the notes since the last poll, those included that commits met on their way
   */
  poll(signal?: AbortSignal): Promise<readonly Commit[]> {
    return this.#serial(() => this.#takeIn(signal));
  }

  /** Waits for what is under way. Gives nothing up: an epoch ends by the next one. */
  async close(): Promise<void> {
    await this.#queue.catch(() => undefined);
    await this.#checkpoint;
  }

  async #takeEpoch({ body = {}, signal }: AcquireOptions): Promise<void> {
    for (;;) {
      throwIfAborted(signal);
      const epoch = this.#state.epoch + 1;
      const filled = typeof body === 'function' ? body(this.#state) : body;
      const { next, after } = this.#prepare(filled, epoch);
      const winner = await putCommit(this.#bucket, this.#prefix, next, { ...this.#options, signal });
      if (!winner) {
        this.#state = after;
        this.#epoch = epoch;
        return;
      }
      this.#state = foldCommit(this.#state, winner);
      // To the head: commit by commit, an owner that goes on committing would be ahead for ever.
      const options = { ...this.#options, after: this.#state, signal };
      for await (const next of readCommits(this.#bucket, this.#prefix, options)) {
        this.#state = foldCommit(this.#state, next);
      }
    }
  }

  async #append(body: CommitBody, signal: AbortSignal | undefined): Promise<Commit> {
    for (;;) {
      throwIfAborted(signal);
      const { next, after } = this.#prepare(body, this.#epoch);
      const winner = await this.#orBreak(() =>
        putCommit(this.#bucket, this.#prefix, next, { ...this.#options, signal }),
      );
      if (winner) {
        await this.#orBreak(async () => this.#accept(winner));
        continue;
      }
      this.#state = after;
      this.#startCheckpoint(signal);
      return next.commit;
    }
  }

  async #takeIn(signal: AbortSignal | undefined): Promise<readonly Commit[]> {
    const options = { ...this.#options, after: this.#state, signal };
    for await (const next of readCommits(this.#bucket, this.#prefix, options)) {
      await this.#orBreak(async () => this.#accept(next));
    }
    const notes = this.#notes;
    this.#notes = [];
    return notes;
  }

  /** Refuses, before anything is written, what every reader would call corrupt. */
  #prepare(body: CommitBody, epoch: number): { next: EncodedCommit; after: StreamState } {
    const author = { epoch, writer: this.#writer, attempt: randomUUID() };
    const next = nextCommit(this.#state, author, body);
    try {
      return { next, after: foldCommit(this.#state, next) };
    } catch (error) {
      throw new WaybillError('INTERNAL', `a commit that does not fit the log was about to be made`, {
        context: { seq: next.commit.seq },
        cause: error,
      });
    }
  }

  #accept(next: ChainedCommit): void {
    const { epoch, seq, writer } = next.commit;
    if (epoch > this.#epoch) {
      throw new WaybillError(
        'MANIFEST_FENCED',
        `${writer} took ${this.#prefix} over with commit ${seq}: epoch ${epoch}, this process has ${this.#epoch}`,
        {
          hint: 'Exactly one may run. Leave this one stopped, or stop the other one and start this one again.',
          context: { prefix: this.#prefix, seq, epoch },
        },
      );
    }
    this.#state = foldCommit(this.#state, next);
    if (next.commit.note) this.#notes.push(next.commit);
  }

  #serial<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(() => {
      if (this.#broken !== undefined) throw this.#broken;
      return work();
    });
    this.#queue = result.catch(() => undefined);
    return result;
  }

  async #orBreak<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.#broken = error;
      throw error;
    }
  }

  /**
   * Best effort and beside the commits; one at a time. A crash here costs the next cold start some
   * reading.
   */
  #startCheckpoint(signal: AbortSignal | undefined): void {
    if (this.#checkpoint || !isCheckpointDue(this.#state)) return;
    this.#checkpoint = writeCheckpoint(this.#bucket, this.#prefix, this.#state, signal)
      .catch((error: unknown) => {
        if (!hasCode(error, 'BUCKET_UNAVAILABLE', 'BUCKET_ACCESS_DENIED', 'INTERRUPTED'))
          this.#broken ??= error;
      })
      .finally(() => {
        this.#checkpoint = undefined;
      });
  }
}
