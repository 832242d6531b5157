/**
 * The snapshot: every collection of T0, cut into chunks. A few readers read them at once, largest
 * collections first.
 */

import { type CaptureStats, collectionProgress, countEarlier } from '@waybill/shared/base/stats';
import type { CollectionDefinition } from '@waybill/shared/manifest/commit';
import type { Committer } from '../commit/committer.ts';
import { milestone } from '../commit/milestone.ts';
import { pieces } from '../commit/pieces.ts';
import { snapshotWork } from './plan.ts';
import { type PlanningOptions, planLarge, planWhole } from './planning.ts';
import { Readers, type ReadersOptions } from './readers.ts';

export type SnapshotOptions = ReadersOptions & PlanningOptions;

/** Chunks in one commit of a plan. */
const PLANS_IN_COMMIT = 100;

/**
 * Does what is left of the snapshot, up to the milestone `snapshot-completed`. It goes on from any
 * point: the manifest says what is planned and what is done.
 */
export async function runSnapshot(options: SnapshotOptions): Promise<void> {
  const { committer, stats, stop } = options;
  initialiseProgress(committer, stats);
  const { unplanned, pending } = snapshotWork(committer.state);
  const readers = new Readers(options);
  try {
    readers.add(pending);
    const isTaken = ({ namespace }: CollectionDefinition): boolean => options.filter.matches(namespace);
    const large = unplanned.filter((each) => isTaken(each) && each.bytes > options.chunkSize);
    for (const definition of large) readers.add(await planLarge(definition, options));
    const small = unplanned.filter((definition) => !large.includes(definition));
    for (const some of pieces(small, PLANS_IN_COMMIT)) readers.add(await planWhole(some, committer));
    readers.allAdded();
    await readers.finished();
  } catch (error) {
    await readers.stop();
    throw error;
  }
  stop.throwIfAborted();
  const { state } = committer;
  const completed = milestone('snapshot-completed', stats.watermark, state.lastSequence, {
    collections: [...state.collections.values()].filter(({ snapshot }) => snapshot).length,
    documents: state.totals.snapshotRecords,
    bytes: state.totals.snapshotDocumentBytes,
  });
  await committer.commit({ milestones: [completed] });
}

function initialiseProgress(committer: Committer, stats: CaptureStats): void {
  const { collections, chunks, snapshotSegments } = committer.state;
  for (const { namespace, snapshot, documents, bytes } of collections.values()) {
    if (!snapshot) continue;
    const progress = collectionProgress(stats, namespace);
    progress.documentsTotal = documents;
    progress.bytesTotal = bytes;
    const planned = chunks.get(namespace);
    progress.done = planned !== undefined && [...planned.values()].every((chunk) => chunk.progress?.done);
  }
  for (const segment of snapshotSegments) {
    countEarlier(collectionProgress(stats, segment.namespace ?? ''), segment);
  }
}
