import { throwIfAborted } from '@waybill/shared/base/lifecycle';
import type { RetryOptions } from '@waybill/shared/base/retry';
import { collectionProgress, type LoadStats } from '@waybill/shared/base/stats';
import type { ObjectReader } from '@waybill/shared/bucket/bucket';
import type { SegmentEntry } from '@waybill/shared/manifest/commit';
import { segmentKey } from '@waybill/shared/manifest/keys';
import { readSnapshotSegment } from '@waybill/shared/segment/read/reader';
import PQueue from 'p-queue';
import type { DocumentBatch, Origin, WriteScope } from '../apply/batch.ts';
import type { RefusalPolicy } from '../apply/refusal.ts';
import type { DocumentWriter } from '../apply/writer.ts';
import type { Conflicts } from '../conflicts/conflicts.ts';
import type { DeadLetters } from '../letters/dead-letters.ts';
import type { LoadSettings } from '../settings/load-settings.ts';

export interface ApplySegmentDeps {
  readonly bucket: ObjectReader;
  readonly streamPrefix: string;
  readonly writer: Pick<DocumentWriter, 'insert'>;
  /** Decides about documents that the target refuses. */
  readonly onRefused: RefusalPolicy;
  readonly conflicts: Pick<Conflicts, 'take'>;
  readonly letters: Pick<DeadLetters, 'watching'>;
  readonly settings: Pick<LoadSettings, 'snapshotBatchBytes' | 'snapshotBatchDocuments'>;
  readonly stats: LoadStats;
  /** Called before a segment is fetched once more. */
  readonly onReadAgain: RetryOptions['onRetry'];
  /** Called when a batch fails: those that wait for their turn need not go any more. */
  readonly fail: (error: unknown) => void;
  readonly signal: AbortSignal;
}

export interface ApplySegmentOptions {
  readonly scope: WriteScope;
  /** Batches under way at once. One: the documents keep the segment's order. */
  readonly atOnce: number;
}

/**
 * Writes every document of a snapshot segment; fulfilled when all are acknowledged. The segment is
 * checked whole before its first document is sent (INV-7). A crash in between leaves some of it on
 * the target; repeating it replaces those. Memory: the compressed segment, the block in hand and
 * the next, and the batches in flight.
 */
export async function applySegment(
  deps: ApplySegmentDeps,
  entry: SegmentEntry,
  options: ApplySegmentOptions,
): Promise<number> {
  const { bucket, streamPrefix, stats, onReadAgain: onRetry, signal } = deps;
  const batches = new SegmentBatches(deps, entry, options);
  try {
    const key = segmentKey(streamPrefix, entry.key);
    for await (const { documents } of readSnapshotSegment(bucket, key, entry, { signal, onRetry })) {
      for (const document of documents) {
        if (!batches.hasRoomFor(document)) await batches.send();
        batches.add(document);
      }
    }
    await batches.send();
  } finally {
    // After a failure too: what is in flight must end before its owner lets go of the load.
    await batches.settle();
  }
  batches.throwIfFailed();
  throwIfAborted(signal);
  stats.bucketBytes += entry.bytes;
  return batches.aside;
}

/** Cuts a segment's documents into batches, and keeps a bounded number of them in flight. */
class SegmentBatches {
  readonly #deps: ApplySegmentDeps;
  readonly #scope: WriteScope;
  readonly #origin: Origin;
  readonly #queue: PQueue;
  #documents: Buffer[] = [];
  #bytes = 0;
  /** Documents of the segment before those in hand. */
  #sent = 0;
  #aside = 0;
  #failure: { readonly error: unknown } | undefined;

  constructor(deps: ApplySegmentDeps, entry: SegmentEntry, { scope, atOnce }: ApplySegmentOptions) {
    const { key, chunk } = entry;
    this.#deps = deps;
    this.#scope = scope;
    this.#origin = { placesOf: ({ record }) => [{ segment: key, chunk, document: record, entry }] };
    this.#queue = new PQueue({ concurrency: atOnce });
  }

  hasRoomFor(document: Buffer): boolean {
    const { snapshotBatchDocuments, snapshotBatchBytes } = this.#deps.settings;
    const held = this.#documents.length;
    if (held === 0) return true;
    return held < snapshotBatchDocuments && this.#bytes + document.length <= snapshotBatchBytes;
  }

  add(document: Buffer): void {
    this.#documents.push(document);
    this.#bytes += document.length;
  }

  /** Sends the batch in hand; waits while too many are in flight. */
  async send(): Promise<void> {
    if (this.#documents.length === 0) return;
    const batch = {
      scope: this.#scope,
      documents: this.#documents,
      origin: this.#origin,
      first: this.#sent,
    };
    const bytes = this.#bytes;
    this.#sent += batch.documents.length;
    this.#documents = [];
    this.#bytes = 0;
    this.throwIfFailed();
    void this.#queue.add(() => this.#write(batch, bytes));
    await this.#queue.onSizeLessThan(1);
  }

  /** Documents that wait for their key in a unique index. */
  get aside(): number {
    return this.#aside;
  }

  /** Never rejects. */
  async settle(): Promise<void> {
    await this.#queue.onIdle();
  }

  throwIfFailed(): void {
    if (this.#failure) throw this.#failure.error;
  }

  /** Never rejects: a failure is kept, and nothing more is sent. */
  async #write(batch: DocumentBatch, bytes: number): Promise<void> {
    if (this.#failure) return;
    const { writer, onRefused, conflicts, letters, stats } = this.#deps;
    try {
      const all = await letters.watching(batch, () => writer.insert(batch));
      const refusals = all.length > 0 ? conflicts.take(this.#scope, all, 0) : all;
      this.#aside += all.length - refusals.length;
      if (refusals.length > 0) await onRefused(refusals);
      const progress = collectionProgress(stats, this.#scope.namespace);
      progress.documents += batch.documents.length - refusals.length;
      progress.bytes += bytes;
    } catch (error) {
      this.#failure ??= { error };
      this.#deps.fail(error);
    }
  }
}
