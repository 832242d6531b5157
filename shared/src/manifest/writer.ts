/**
 * The owner of a log.
 *
 * 1. A process owns a log once it has committed the highest epoch (BF-3). There is no clock and no
 *    lease. An owner learns that it is fenced when it loses a number to a higher epoch; then it
 *    never writes again.
 * 2. Commits are serial. A commit that loses its number to an operator's note takes the note in and
 *    tries the next number.
 * 3. No commit follows one that is gone (known-head.ts). A commit that cannot follow the state is
 *    refused before it is written.
 * 4. After a put with an unknown outcome the writer can do no more: its state may be one commit
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
   * Goes into the commit that takes the epoch. A function gets the state, if the body depends on
   * it.
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
  /** The reason why nothing more can be written; set once. */
  #broken: unknown;
  /** Notes that were taken in and that poll has not handed out yet. */
  #notes: Commit[] = [];
  #queue: Promise<unknown> = Promise.resolve();
  #checkpoint: Promise<void> | undefined;

  private constructor(options: AcquireOptions, state: StreamState) {
    this.#bucket = options.bucket;
    this.#prefix = options.prefix;
    this.#writer = signature(options.writer, options.bucket);
    // The signal of the acquire serves only that call; each later call brings its own.
    this.#options = {
      retryPolicy: options.retryPolicy,
      onRetry: options.onRetry,
      head: new KnownHead(options.bucket, options.prefix),
    };
    this.#state = state;
  }

  /**
   * Takes the log over: its owner so far is fenced from here on.
   * @throws MANIFEST_CORRUPT, FORMAT_UNSUPPORTED, or the bucket's errors
   */
  static async acquire(options: AcquireOptions): Promise<ManifestWriter> {
    const writer = new ManifestWriter(options, await readManifest(options.bucket, options.prefix, options));
    await writer.#serial(() => writer.#takeEpoch(options));
    return writer;
  }

  /** The log up to the last commit that was made or taken in. */
  get state(): StreamState {
    return this.#state;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /**
   * Makes one commit. Waits for the commits before it, and looks at the body when its turn comes.
   * The signal also ends the checkpoint that may follow the commit.
   * @throws MANIFEST_FENCED for good once another writer has taken the log over; INTERNAL if the
   *   body does not fit the state: then nothing is written and the writer stays usable
   */
  commit(body: CommitBody, signal?: AbortSignal): Promise<Commit> {
    return this.#serial(() => this.#append(body, signal));
  }

  /**
   * Takes in what others appended, and finds out if this writer is fenced.
   * @returns the notes since the last poll, including the notes that commits met on their way
   */
  poll(signal?: AbortSignal): Promise<readonly Commit[]> {
    return this.#serial(() => this.#takeIn(signal));
  }

  /** Waits for the work under way. Gives nothing up: only the next epoch ends this one. */
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
      // Reads up to the head. An owner that goes on committing would stay ahead for ever if we took
      // in one commit at a time.
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

  /** Refuses a commit that every reader would call corrupt, before anything is written. */
  #prepare(body: CommitBody, epoch: number): { next: EncodedCommit; after: StreamState } {
    const author = { epoch, writer: this.#writer, attempt: randomUUID() };
    const next = nextCommit(this.#state, author, body);
    try {
      return { next, after: foldCommit(this.#state, next) };
    } catch (error) {
      throw new WaybillError('INTERNAL', `Waybill was about to make a commit that does not fit the log`, {
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
   * Writes a checkpoint beside the commits: best effort, one at a time. A crash here costs the next
   * cold start some reading.
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
