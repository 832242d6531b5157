import { throwIfAborted } from '@waybill/shared/base/lifecycle';
import type { RetryOptions } from '@waybill/shared/base/retry';
import { collectionProgress, type LoadStats } from '@waybill/shared/base/stats';
import type { ObjectReader } from '@waybill/shared/bucket/bucket';
import type { SegmentEntry } from '@waybill/shared/manifest/commit';
import { segmentKey } from '@waybill/shared/manifest/keys';
import { readSnapshotSegment } from '@waybill/shared/segment/read/reader';
import type { WriteScope } from '../apply/sender.ts';
import type { Writer } from '../apply/writer.ts';
import type { LoadSettings } from '../settings/load-settings.ts';

export interface ApplySegmentDeps {
  readonly bucket: ObjectReader;
  readonly streamPrefix: string;
  readonly writer: Pick<Writer, 'insert'>;
  readonly settings: Pick<LoadSettings, 'snapshotBatchBytes' | 'snapshotBatchDocuments' | 'workers'>;
  readonly stats: LoadStats;
  /** Of a segment that is fetched once more. */
  readonly onReadAgain: RetryOptions['onRetry'];
  readonly signal: AbortSignal;
}

export interface ApplySegmentOptions {
  readonly scope: WriteScope;
  /**
   * One batch after the other, so that the documents stand in the segment's order (capped
   * collections).
   */
  readonly inOrder: boolean;
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
  { scope, inOrder }: ApplySegmentOptions,
): Promise<void> {
  const { bucket, streamPrefix, writer, settings, stats, onReadAgain: onRetry, signal } = deps;
  const place = { segment: entry.key, chunk: entry.chunk };
  const progress = collectionProgress(stats, scope.namespace);
  const inFlight = new Set<Promise<void>>();
  const most = inOrder ? 1 : settings.workers;
  let failed: { readonly error: unknown } | undefined;

  const send = async (documents: readonly Buffer[], bytes: number): Promise<void> => {
    while (inFlight.size >= most) await Promise.race(inFlight);
    if (failed) throw failed.error;
    const sent: Promise<void> = writer
      .insert(scope, documents, place)
      .then(() => {
        progress.documents += documents.length;
        progress.bytes += bytes;
      })
      .catch((error: unknown) => {
        failed ??= { error };
      })
      .finally(() => inFlight.delete(sent));
    inFlight.add(sent);
  };

  try {
    let documents: Buffer[] = [];
    let bytes = 0;
    for await (const block of readSnapshotSegment(bucket, segmentKey(streamPrefix, entry.key), entry, {
      signal,
      onRetry,
    })) {
      for (const document of block.documents) {
        if (
          documents.length >= settings.snapshotBatchDocuments ||
          (documents.length > 0 && bytes + document.length > settings.snapshotBatchBytes)
        ) {
          await send(documents, bytes);
          documents = [];
          bytes = 0;
        }
        documents.push(document);
        bytes += document.length;
      }
    }
    if (documents.length > 0) await send(documents, bytes);
  } finally {
    // Also on a failure: what is in flight ends before its owner lets go of the load.
    await Promise.all(inFlight);
  }
  if (failed) throw failed.error;
  throwIfAborted(signal);
  stats.bucketBytes += entry.bytes;
}
