/**
 * Writes the documents of a chunk into segments, and commits each segment together with the chunk's
 * progress (INV-6). A crash at any await leaves a file that no commit names, and the chunk goes on
 * after its last committed `_id`.
 *
 * While one segment is being closed (which waits for the disk or the network) and committed, the
 * next one is filled; never two behind.
 */

import type { ClusterTime } from '@waybill/shared/base/position';
import type { RetryBudget } from '@waybill/shared/base/retry';
import type { CollectionProgress } from '@waybill/shared/base/stats';
import { buildDocument } from '@waybill/shared/bson/build';
import type { DocumentPlaces } from '@waybill/shared/bson/document-places';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import type { ChunkProgress, SegmentEntry, StreamIdentity } from '@waybill/shared/manifest/commit';
import { newSnapshotSegmentKey, segmentKey } from '@waybill/shared/manifest/keys';
import { segmentExtension } from '@waybill/shared/segment/extension';
import { SnapshotSegmentWriter } from '@waybill/shared/segment/write/snapshot-writer';
import type { SnapshotProgress } from '../commit/committer.ts';
import { bytesOfHex } from './chunk-source.ts';
import { OpenSegment } from './open-segment.ts';
import type { PendingChunk } from './plan.ts';

export interface ChunkWriterOptions {
  readonly bucket: Bucket;
  readonly prefix: string;
  readonly epoch: number;
  readonly identity: Pick<StreamIdentity, 'format' | 'codec'>;
  readonly level: number | undefined;
  readonly segmentSize: number;
  readonly t0: ClusterTime;
  readonly commit: (progress: SnapshotProgress) => Promise<void>;
  /** Give up whatever is under way. */
  readonly abort: AbortSignal;
}

/**
 * Positions kept, one a segment. If the document at a position was deleted, the position before is
 * taken, and a segment is read again.
 */
const KEPT_POSITIONS = 4;

export class ChunkWriter {
  readonly #options: ChunkWriterOptions;
  readonly #chunk: PendingChunk;
  /** What people are shown of the collection's progress. */
  readonly #shown: CollectionProgress | undefined;
  #progress: ChunkProgress;
  #part: number;
  /** The one that is being written. */
  #segment: OpenSegment | null = null;
  /** The closing and the commit of the segment before. */
  #committing: Promise<void> = Promise.resolve();
  #commitFailure: { readonly error: unknown } | null = null;

  constructor(chunk: PendingChunk, options: ChunkWriterOptions, shown: CollectionProgress | undefined) {
    this.#options = options;
    this.#chunk = chunk;
    this.#shown = shown;
    this.#part = chunk.part;
    const { namespace, chunk: number } = chunk.plan;
    this.#progress = chunk.progress ?? { namespace, chunk: number, lastId: null, done: false, records: 0 };
  }

  /** As of the last commit: a further attempt starts there. */
  get progress(): ChunkProgress {
    return this.#progress;
  }

  /** The manifest failed with this error. It has tried again, and takes no more commits. */
  isCommitFailure(error: unknown): boolean {
    return this.#commitFailure?.error === error;
  }

  /** @param position in natural order: after these documents */
  async append(
    places: DocumentPlaces,
    position: Buffer | null,
    budget: RetryBudget | undefined,
  ): Promise<void> {
    this.#segment ??= this.#open(budget);
    const segment = this.#segment;
    await segment.append(places);
    if (position) segment.position = position.toString('base64');
    if (segment.documentBytes >= this.#options.segmentSize) await this.#seal(segment, false);
  }

  /** Closes and commits what is open, and does not call the chunk done. */
  async save(): Promise<void> {
    if (this.#segment) await this.#seal(this.#segment, false);
    await this.#committing;
  }

  /** Fulfilled when the whole chunk is committed. */
  async finish(): Promise<void> {
    if (this.#segment) await this.#seal(this.#segment, true);
    else {
      await this.#committing;
      await this.#commit(null, { ...this.#progress, done: true });
    }
    await this.#committing;
  }

  /** Commits that the rest of the chunk is left out. */
  async skip(): Promise<void> {
    this.abandon(new Error('The rest of the chunk is left out.'));
    await this.#committing;
    await this.#commit(null, { ...this.#progress, done: true, skipped: true });
  }

  /** Drops the open segment. */
  abandon(reason: unknown): void {
    if (!this.#segment) return;
    this.#shown?.open.delete(this.#segment);
    this.#segment.abandon(reason);
    this.#segment = null;
  }

  /** Waits until what was under way has ended, well or not: then the progress stands still. */
  async settled(): Promise<void> {
    await this.#committing.catch(() => undefined);
    this.#committing = Promise.resolve();
  }

  #open(budget: RetryBudget | undefined): OpenSegment {
    const { bucket, prefix, epoch, identity, level, t0, abort } = this.#options;
    const { format, codec } = identity;
    const { definition, plan } = this.#chunk;
    const { namespace, chunk } = plan;
    const part = this.#part++;
    const writer = new SnapshotSegmentWriter({
      format,
      codec,
      level,
      namespace,
      collectionUuid: bytesOfHex(definition.uuid),
      clusterTime: t0,
    });
    const extension = segmentExtension(format, codec);
    const key = newSnapshotSegmentKey({ namespace, chunk, part, epoch, extension });
    const put = bucket.put(segmentKey(prefix, key), writer.body, { signal: abort, budget });
    const segment = new OpenSegment(writer, key, part, put);
    this.#shown?.open.add(segment);
    return segment;
  }

  /**
   * Lets the segment be closed and committed while the next one is filled. The one before has been
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

  async #commit(segment: SegmentEntry | null, chunk: ChunkProgress): Promise<void> {
    try {
      await this.#options.commit({ segment, chunk });
    } catch (error) {
      this.#commitFailure = { error };
      throw error;
    }
    this.#progress = chunk;
    if (!this.#shown || !segment) return;
    this.#shown.documents += segment.records;
    this.#shown.bytes += segment.documentBytes;
  }
}
