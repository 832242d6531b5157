/**
 * Reads one chunk into segments.
 *
 *   find (one getMore ahead) → segment writer (encodes, compresses) → bucket
 */

import { hasCode } from '@waybill/shared/base/errors';
import { throwIfAborted } from '@waybill/shared/base/lifecycle';
import type { RetryOptions } from '@waybill/shared/base/retry';
import type { CaptureStats } from '@waybill/shared/base/stats';
import type { RawElement } from '@waybill/shared/bson/raw';
import { RepeatedIds } from '@waybill/shared/mongo/read/repeated-ids';
import type { SnapshotProgress } from '../commit/committer.ts';
import { refuseDuplicates } from '../source/duplicate-ids.ts';
import { BucketPatience } from './bucket-patience.ts';
import { bytesOf, bytesOfHex, type ChunkSourceOptions, readChunk } from './chunk-source.ts';
import { ChunkWriter, type ChunkWriterOptions } from './chunk-writer.ts';
import type { PendingChunk } from './plan.ts';
import type { RateLimit } from './rate-limit.ts';

export interface ChunkOptions extends ChunkSourceOptions, ChunkWriterOptions {
  readonly rate: RateLimit;
  readonly stats: CaptureStats;
  readonly onBucketRetry: RetryOptions['onRetry'];
  /** True: the last document of the chunk has been read. False: it must be read again. */
  readonly onRead: (isRead: boolean) => void;
}

export class ChunkReader {
  readonly #options: ChunkOptions;
  readonly #chunk: PendingChunk;
  readonly #writer: ChunkWriter;
  readonly #patience: BucketPatience;
  #isRead = false;

  constructor(chunk: PendingChunk, options: ChunkOptions) {
    this.#options = options;
    this.#chunk = chunk;
    const commit = async (progress: SnapshotProgress): Promise<void> => {
      await options.commit(progress);
      this.#patience.committed();
    };
    this.#writer = new ChunkWriter(
      chunk,
      { ...options, commit },
      options.stats.collections.get(chunk.plan.namespace),
    );
    this.#patience = new BucketPatience({
      isFinal: (error) => this.#writer.isCommitFailure(error),
      signal: options.stop,
      onRetry: options.onBucketRetry,
    });
  }

  /**
   * Reads the chunk to its end, or until stopped (INTERRUPTED; documents read so far are committed
   * then). If the bucket fails for a while, it starts again after what is committed.
   */
  async run(): Promise<void> {
    for (;;) {
      throwIfAborted(this.#options.stop);
      try {
        return await this.#attempt();
      } catch (error) {
        await this.#patience.failed(error);
      }
    }
  }

  /** Reads nothing of it (any more): the stream leaves the collection out. */
  async leaveOut(): Promise<void> {
    this.#setRead(true);
    await this.#writer.skip();
  }

  async #attempt(): Promise<void> {
    await this.#writer.settled();
    this.#setRead(false);
    const reader = readChunk(this.#chunk, this.#writer.progress, this.#options);
    try {
      await this.#readInto(reader);
      this.#setRead(true);
      if (reader.outcome === 'dropped') await this.#skipDropped();
      else await this.#writer.finish();
    } catch (error) {
      this.#writer.abandon(error);
      throw error;
    }
  }

  #setRead(isRead: boolean): void {
    if (isRead !== this.#isRead) this.#options.onRead(isRead);
    this.#isRead = isRead;
  }

  /** The last segment stays open, unless we are stopped: then it is closed and committed. */
  async #readInto(reader: ReturnType<typeof readChunk>): Promise<void> {
    const { rate, stop, abort } = this.#options;
    const ids = this.#repeatedIds();
    try {
      for await (const { places, bytes, position } of reader) {
        this.#patience.moved();
        if (ids) await this.#refuseRepeated(ids.in(places));
        await this.#writer.append(places, position, this.#patience.budget);
        await rate.take(bytes, stop);
        this.#patience.moved();
      }
    } catch (error) {
      if (hasCode(error, 'INTERRUPTED') && !abort.aborted) await this.#writer.save();
      throw error;
    }
  }

  /** Null where nothing can have an `_id` twice. */
  #repeatedIds(): RepeatedIds | null {
    const { topology } = this.#options.connection.server;
    return topology === 'sharded' ? new RepeatedIds(bytesOf(this.#writer.progress.lastId)) : null;
  }

  async #refuseRepeated(ids: readonly RawElement[]): Promise<void> {
    if (ids.length === 0) return;
    const { namespace, uuid } = this.#chunk.definition;
    const of = { namespace, collectionUuid: bytesOfHex(uuid) };
    await refuseDuplicates(this.#options.connection, of, ids, this.#options.stop);
  }

  /** It was dropped or replaced. Its end, and whatever came after, is in the stream. */
  async #skipDropped(): Promise<void> {
    const { namespace, chunk } = this.#chunk.plan;
    this.#options.logger.info('a collection was dropped during the snapshot', { namespace, chunk });
    await this.#writer.skip();
  }
}
