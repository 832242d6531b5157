/**
 * Reads one chunk into segments.
 *
 *   find (one getMore ahead) → segment writer (encodes, compresses) → bucket
 *
 * A segment and the chunk's progress with it become visible in one commit (INV-6). A crash at any
 * await leaves a file that no commit names, and the chunk goes on after its last committed `_id`.
 * While one segment is being closed (which waits for the disk or the network) and committed the
 * next one is read; never two behind.
 */

import { hasCode } from '@waybill/shared/base/errors';
import type { Logger } from '@waybill/shared/base/logger';
import type { ClusterTime } from '@waybill/shared/base/position';
import { type RetryOptions, retry } from '@waybill/shared/base/retry';
import type { CaptureStats, CollectionProgress } from '@waybill/shared/base/stats';
import { buildDocument } from '@waybill/shared/bson/build';
import type { RawElement } from '@waybill/shared/bson/raw';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import type { ChunkProgress, SegmentEntry, StreamIdentity } from '@waybill/shared/manifest/commit';
import { newSnapshotSegmentKey, segmentKey } from '@waybill/shared/manifest/keys';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { type RangeReader, readRange } from '@waybill/shared/mongo/read/range-reader';
import { RepeatedIds } from '@waybill/shared/mongo/read/repeated-ids';
import { segmentExtension } from '@waybill/shared/segment/extension';
import { SnapshotSegmentWriter } from '@waybill/shared/segment/write/snapshot-writer';
import { isTimeSeries } from '../catalog/definition.ts';
import type { SnapshotProgress } from '../commit/committer.ts';
import { refuseDuplicates } from '../source/duplicate-ids.ts';
import { NaturalReader } from './natural-reader.ts';
import { OpenSegment } from './open-segment.ts';
import type { PendingChunk } from './plan.ts';
import type { RateLimit } from './rate-limit.ts';

export interface ChunkOptions {
  readonly connection: MongoConnection;
  readonly bucket: Bucket;
  readonly prefix: string;
  readonly epoch: number;
  readonly identity: Pick<StreamIdentity, 'format' | 'codec'>;
  readonly level: number | undefined;
  readonly segmentBytes: number;
  readonly readPreference: 'primary' | 'secondaryPreferred';
  readonly rate: RateLimit;
  readonly t0: ClusterTime;
  readonly commit: (progress: SnapshotProgress) => Promise<void>;
  readonly stats: CaptureStats;
  readonly logger: Logger;
  readonly onBucketRetry: RetryOptions['onRetry'];
  /**
   * With true when the chunk's last document has been read; with false where it has to be read
   * again.
   */
  readonly onRead: (isRead: boolean) => void;
  /** Stop reading; what is committed stays. */
  readonly stop: AbortSignal;
  /** Give up whatever is under way. */
  readonly abort: AbortSignal;
}

/** Two batches are held by each reader. */
const BATCH_BYTES = 4 << 20;
/**
 * Of segments: where the document at a position was deleted, the one before is taken, and a segment
 * is read again.
 */
const KEPT_POSITIONS = 4;

export class ChunkReader {
  readonly #options: ChunkOptions;
  readonly #chunk: PendingChunk;
  /** As of the last commit made; a further attempt starts there. */
  #progress: ChunkProgress;
  #part: number;
  /** The one that is being written. */
  #segment: OpenSegment | null = null;
  /** The closing and the commit of the segment before. */
  #committing: Promise<void> = Promise.resolve();
  #isRead = false;
  /** What people are shown of the collection's progress. */
  readonly #shown: CollectionProgress | undefined;

  constructor(chunk: PendingChunk, options: ChunkOptions) {
    this.#options = options;
    this.#chunk = chunk;
    this.#part = chunk.part;
    this.#shown = options.stats.collections.get(chunk.plan.namespace);
    const { namespace, chunk: number } = chunk.plan;
    this.#progress = chunk.progress ?? { namespace, chunk: number, lastId: null, done: false, records: 0 };
  }

  /**
   * Reads the chunk to its end, or until stopped (INTERRUPTED; documents read so far are committed
   * then). A bucket that fails for a while makes it start again after what is committed.
   */
  async run(): Promise<void> {
    const { stop } = this.#options;
    await retry(() => this.#attempt(), undefined, {
      signal: stop,
      retryable: (error) => hasCode(error, 'BUCKET_UNAVAILABLE'),
      onRetry: this.#options.onBucketRetry,
    });
  }

  /** Reads nothing of it (any more): the stream leaves the collection out. */
  async leaveOut(): Promise<void> {
    this.#setRead(true);
    await this.#commit(null, { ...this.#progress, done: true, skipped: true });
  }

  async #attempt(): Promise<void> {
    // What the attempt before was committing has settled before its progress is built on; a failure
    // ended that attempt.
    await this.#committing.catch(() => undefined);
    this.#committing = Promise.resolve();
    this.#setRead(false);
    const reader = this.#reader();
    try {
      await this.#readInto(reader);
      this.#setRead(true);
      if (reader.outcome === 'dropped') await this.#skip();
      else if (this.#segment) await this.#seal(this.#segment, true);
      else await this.#finish();
      await this.#committing;
    } catch (error) {
      this.#abandon(error);
      throw error;
    }
  }

  #setRead(isRead: boolean): void {
    if (isRead !== this.#isRead) this.#options.onRead(isRead);
    this.#isRead = isRead;
  }

  /**
   * Documents into segments; the last segment is left open, unless we are stopped: then it is
   * closed and committed.
   */
  async #readInto(reader: RangeReader | NaturalReader): Promise<void> {
    const { segmentBytes, rate, stop, abort } = this.#options;
    const ids = this.#repeatedIds();
    try {
      for await (const { places, bytes, position } of reader) {
        if (ids) await this.#refuseRepeated(ids.in(places));
        if (!this.#segment) {
          this.#segment = this.#openSegment();
          this.#shown?.open.add(this.#segment);
        }
        await this.#segment.append(places);
        if (position) this.#segment.position = position.toString('base64');
        if (this.#segment.documentBytes >= segmentBytes) await this.#seal(this.#segment, false);
        await rate.take(bytes, stop);
      }
    } catch (error) {
      if (!hasCode(error, 'INTERRUPTED') || abort.aborted) throw error;
      if (this.#segment) await this.#seal(this.#segment, false);
      await this.#committing;
      throw error;
    }
  }

  /** Null where nothing can have an `_id` twice. */
  #repeatedIds(): RepeatedIds | null {
    const { topology } = this.#options.connection.server;
    return topology === 'sharded' ? new RepeatedIds(bytesOf(this.#progress.lastId)) : null;
  }

  async #refuseRepeated(ids: readonly RawElement[]): Promise<void> {
    if (ids.length === 0) return;
    const { namespace, uuid } = this.#chunk.definition;
    const of = { namespace, collectionUuid: bytesOfHex(uuid) };
    await refuseDuplicates(this.#options.connection, of, ids, this.#options.stop);
  }

  #reader(): RangeReader | NaturalReader {
    const { connection, readPreference, t0, stop, logger } = this.#options;
    const { definition, plan } = this.#chunk;
    const { namespace, chunk } = plan;
    const common = {
      uuid: bytesOfHex(definition.uuid),
      // Changes are captured from T0 on, so what is read must hold all before it. T0 itself may
      // still be to come.
      notBefore: t0 - 1n,
      readPreference,
      // A batch is copied into its segment before the next one is asked for.
      bulk: true,
      batchBytes: BATCH_BYTES,
      signal: stop,
      onRetry: (error: unknown, attempt: number, delayMs: number) =>
        logger.warn('reading a chunk failed; trying again', {
          err: error,
          namespace,
          chunk,
          attempt,
          delayMs,
        }),
    };
    if (plan.natural) {
      return new NaturalReader(connection, namespace, {
        ...common,
        positions: this.#progress.positions?.map((position) => Buffer.from(position, 'base64')),
        onStartOver: () =>
          logger.warn(
            'the source takes none of the positions in natural order any more; the collection is read again',
            {
              namespace,
            },
          ),
      });
    }
    return readRange(connection, namespace, {
      ...common,
      lower: bytesOf(plan.lower),
      upper: bytesOf(plan.upper),
      after: bytesOf(this.#progress.lastId),
      // Capped: the order is data. Time-series: there is no _id index.
      natural: definition.capped || isTimeSeries(definition),
    });
  }

  #openSegment(): OpenSegment {
    const { bucket, prefix, epoch, identity, level, t0, abort } = this.#options;
    const { definition, plan } = this.#chunk;
    const writer = new SnapshotSegmentWriter({
      format: identity.format,
      codec: identity.codec,
      level,
      namespace: plan.namespace,
      collectionUuid: bytesOfHex(definition.uuid),
      clusterTime: t0,
    });
    const key = newSnapshotSegmentKey({
      namespace: plan.namespace,
      chunk: plan.chunk,
      part: this.#part,
      epoch,
      extension: segmentExtension(identity.format, identity.codec),
    });
    return new OpenSegment(
      writer,
      key,
      this.#part++,
      bucket.put(segmentKey(prefix, key), writer.body, { signal: abort }),
    );
  }

  /**
   * Lets the segment be closed and committed while reading goes on. The one before has been
   * committed by then.
   */
  async #seal(segment: OpenSegment, done: boolean): Promise<void> {
    await this.#committing;
    this.#segment = null;
    this.#committing = this.#close(segment, done);
    this.#committing.catch(() => undefined);
  }

  async #close(segment: OpenSegment, done: boolean): Promise<void> {
    try {
      await this.#finishSegment(segment, done);
    } finally {
      this.#shown?.open.delete(segment);
    }
  }

  async #finishSegment(segment: OpenSegment, done: boolean): Promise<void> {
    const { format, codec } = this.#options.identity;
    const { definition, plan } = this.#chunk;
    const { lastId, ...summary } = await segment.finish();
    const entry: SegmentEntry = {
      kind: 'snapshot',
      key: segment.key,
      format,
      codec,
      ...summary,
      namespace: plan.namespace,
      collectionUuid: definition.uuid,
      chunk: plan.chunk,
      part: segment.part,
    };
    const positions = [segment.position, ...(this.#progress.positions ?? [])]
      .filter((position) => position !== null)
      .slice(0, KEPT_POSITIONS);
    await this.#commit(entry, {
      ...this.#progress,
      ...(positions.length > 0 && { positions }),
      lastId: lastId === null ? this.#progress.lastId : buildDocument([['_id', lastId]]).toString('base64'),
      records: this.#progress.records + summary.records,
      done,
    });
  }

  #abandon(reason: unknown): void {
    if (!this.#segment) return;
    this.#shown?.open.delete(this.#segment);
    this.#segment.abandon(reason);
    this.#segment = null;
  }

  async #commit(segment: SegmentEntry | null, chunk: ChunkProgress): Promise<void> {
    await this.#options.commit({ segment, chunk });
    this.#progress = chunk;
    if (!this.#shown || !segment) return;
    this.#shown.documents += segment.records;
    this.#shown.bytes += segment.documentBytes;
  }

  async #finish(): Promise<void> {
    await this.#committing;
    await this.#commit(null, { ...this.#progress, done: true });
  }

  /** Dropped, or replaced: its end, and whatever came after, is in the stream. */
  async #skip(): Promise<void> {
    const { logger } = this.#options;
    const { namespace, chunk } = this.#chunk.plan;
    this.#abandon(new Error('The collection is gone.'));
    logger.info('a collection was dropped during the snapshot', { namespace, chunk });
    await this.#committing;
    await this.#commit(null, { ...this.#progress, done: true, skipped: true });
  }
}

function bytesOf(base64: string | null): Buffer | null {
  return base64 === null ? null : Buffer.from(base64, 'base64');
}

function bytesOfHex(hex: string | null): Buffer | null {
  return hex === null ? null : Buffer.from(hex, 'hex');
}
