import { LinkedAbort } from '@waybill/shared/base/lifecycle';
import { collectionProgress } from '@waybill/shared/base/stats';
import type { NamespaceFilter } from '@waybill/shared/mongo/facts/namespace-filter';
import PQueue from 'p-queue';
import type { Committer, SnapshotProgress } from '../commit/committer.ts';
import { type ChunkOptions, ChunkReader } from './chunk-reader.ts';
import type { PendingChunk } from './plan.ts';

export interface ReadersOptions extends Omit<ChunkOptions, 'commit' | 'onRead'> {
  /** What to read: it may leave out more than when the collections were listed. */
  readonly filter: NamespaceFilter;
  readonly committer: Committer;
  readonly readers: number;
  /**
   * Everything has been read; the last segments are still to be closed and committed. Called again
   * if something had to be read once more: the last call counts.
   */
  readonly onAllRead: () => void;
}

/** Chunk readers, a few at a time. The first failure stops the others. */
export class Readers {
  readonly #options: ReadersOptions;
  readonly #queue: PQueue;
  readonly #abort: LinkedAbort;
  /** Chunks of each collection that are not done. */
  readonly #left = new Map<string, number>();
  #unread = 0;
  #isAllAdded = false;
  #failure: { readonly error: unknown } | null = null;

  constructor(options: ReadersOptions) {
    this.#options = options;
    this.#queue = new PQueue({ concurrency: options.readers });
    this.#abort = new LinkedAbort(options.stop);
  }

  add(chunks: readonly PendingChunk[]): void {
    this.#unread += chunks.length;
    for (const { plan } of chunks) {
      this.#left.set(plan.namespace, (this.#left.get(plan.namespace) ?? 0) + 1);
    }
    for (const chunk of chunks) {
      this.#queue.add(() => this.#read(chunk)).catch((error: unknown) => this.#fail(error));
    }
  }

  allAdded(): void {
    this.#isAllAdded = true;
    this.#tellAllRead();
  }

  /** Fulfilled when everything added is committed. */
  async finished(): Promise<void> {
    await this.#queue.onIdle();
    this.#abort[Symbol.dispose]();
    if (this.#failure) throw this.#failure.error;
  }

  async stop(): Promise<void> {
    this.#queue.clear();
    this.#abort.abort();
    await this.#queue.onIdle();
    this.#abort[Symbol.dispose]();
  }

  async #read(chunk: PendingChunk): Promise<void> {
    const stop = this.#abort.signal;
    if (stop.aborted) throw stop.reason;
    const commit = (progress: SnapshotProgress): Promise<void> => this.#commit(progress);
    const onRead = (isRead: boolean): void => {
      this.#unread += isRead ? -1 : 1;
      this.#tellAllRead();
    };
    const reader = new ChunkReader(chunk, { ...this.#options, commit, onRead, stop });
    await (this.#options.filter.matches(chunk.plan.namespace) ? reader.run() : reader.leaveOut());
  }

  #tellAllRead(): void {
    if (this.#isAllAdded && this.#unread === 0) this.#options.onAllRead();
  }

  /** The last chunk of a collection brings its milestone along. */
  async #commit(progress: SnapshotProgress): Promise<void> {
    const { committer, stats } = this.#options;
    const { namespace, done } = progress.chunk;
    if (!done) return committer.commitProgress(progress);
    const left = this.#left.get(namespace)! - 1;
    this.#left.set(namespace, left);
    await committer.commitProgress({ ...progress, completesCollection: left === 0 });
    if (left === 0) collectionProgress(stats, namespace).done = true;
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#queue.clear();
    this.#abort.abort();
  }
}
