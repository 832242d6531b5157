/**
 * Folds a log into a state, commit by commit. Pure: no I/O, no clock. A commit fits the state
 * before it in every way, or it is refused as corrupt. So a reader and a writer agree on what a log
 * may hold.
 *
 * The state is bounded, except for the parts of the snapshot: segments, chunks and collections.
 * Change segments are only counted. A reader that applies them reads the commits.
 */

import { checkCommit } from './check.ts';
import { type ChainedCommit, corrupt } from './codec.ts';
import type { Commit, Milestone } from './commit.ts';
import { foldLetters } from './dead-letters.ts';
import { followDdl } from './follow-ddl.ts';
import type { ChunkState, StreamState, StructureChange, Totals } from './state.ts';

/**
 * This many milestones of a name are kept. That is enough for a time line; restarts and catching up
 * can go on for years. `collection-completed` has no limit: there is one per collection.
 */
export const MILESTONES_PER_NAME = 32;

/**
 * Limits the structure changes kept before the inventory. It comes within seconds, but a source
 * that never gives one must not make an endless list.
 */
const EARLY_DDL = 1000;

/**
 * Returns the state after the next commit.
 * @throws MANIFEST_CORRUPT naming the commit and what does not fit
 */
export function foldCommit(state: StreamState, next: ChainedCommit): StreamState {
  const { commit } = next;
  const fault = checkCommit(state, commit);
  if (fault !== undefined) throw corrupt(`commit ${commit.seq}`, fault);
  return applyCommit(state, next);
}

/**
 * Does the same without the check. It serves only to look at damaged logs: nobody applies its
 * result.
 */
export function applyCommit(state: StreamState, { commit, hash }: ChainedCommit): StreamState {
  const snapshotSegments = commit.segments?.filter((segment) => segment.kind === 'snapshot') ?? [];
  return {
    seq: commit.seq,
    hash,
    epoch: commit.epoch,
    writer: commit.note ? state.writer : commit.writer,
    at: commit.at,
    position: commit.position ?? state.position,
    lastSequence: lastSequenceOf(state, commit),
    partialTransaction: partialAfter(state, commit),
    reading: commit.reading === undefined ? state.reading : commit.reading,
    ...foldCollections(state, commit),
    chunks: foldChunks(state.chunks, commit),
    snapshotSegments:
      snapshotSegments.length === 0
        ? state.snapshotSegments
        : [...state.snapshotSegments, ...snapshotSegments],
    milestones: foldMilestones(state.milestones, commit.milestones),
    totals: foldTotals(state.totals, commit),
    deadLetters: foldLetters(state.deadLetters, commit.deadLetters),
  };
}

function lastSequenceOf(state: StreamState, commit: Commit): number {
  const inSegments = commit.segments?.findLast((segment) => segment.kind === 'changes')?.lastSequence;
  return commit.lastSequence ?? inSegments ?? state.lastSequence;
}

function partialAfter(state: StreamState, commit: Commit): boolean {
  if (commit.partialTransaction) return true;
  const hasChanges = commit.segments?.some((segment) => segment.kind === 'changes') ?? false;
  return hasChanges || commit.ddl !== undefined ? false : state.partialTransaction;
}

/**
 * A definition beside DDL describes what the DDL left. The other definitions belong to T0. If T0
 * has several of one name, the first holds.
 */
function foldCollections(
  state: StreamState,
  { ddl, collections: defined }: Commit,
): Pick<StreamState, 'collections' | 'currentCollections' | 'ddlBeforeInventory'> {
  const { collections, currentCollections, ddlBeforeInventory: earlier } = state;
  if (ddl) {
    const change = { ddl, collections: defined ?? [] };
    return {
      collections,
      currentCollections: followStructure(currentCollections, change),
      ddlBeforeInventory: earlier && [...earlier, change].slice(-EARLY_DDL),
    };
  }
  if (!defined) return { collections, currentCollections, ddlBeforeInventory: earlier };
  const inventory = new Map(collections);
  for (const definition of defined) {
    if (!inventory.has(definition.namespace)) inventory.set(definition.namespace, definition);
  }
  let current: StreamState['currentCollections'] = new Map([
    ...(earlier?.length ? [] : currentCollections),
    ...defined.map((definition) => [definition.namespace, definition] as const),
  ]);
  for (const change of earlier ?? []) current = followStructure(current, change);
  return { collections: inventory, currentCollections: current, ddlBeforeInventory: null };
}

function followStructure(
  before: StreamState['currentCollections'],
  { ddl, collections }: StructureChange,
): StreamState['currentCollections'] {
  const current = new Map(before);
  for (const event of ddl) followDdl(current, event);
  for (const definition of collections) current.set(definition.namespace, definition);
  return current;
}

/** Copies only the maps of the namespaces that the commit touches. */
function foldChunks(before: StreamState['chunks'], commit: Commit): StreamState['chunks'] {
  if (!commit.plan && !commit.chunks) return before;
  const chunks = new Map(before);
  const touched = new Map<string, Map<number, ChunkState>>();
  const of = (namespace: string): Map<number, ChunkState> => {
    const known = touched.get(namespace) ?? new Map(before.get(namespace));
    touched.set(namespace, known);
    chunks.set(namespace, known);
    return known;
  };
  for (const plan of commit.plan ?? []) of(plan.namespace).set(plan.chunk, { ...plan, progress: null });
  for (const progress of commit.chunks ?? []) {
    const known = of(progress.namespace);
    // The check has made sure that the chunk is planned.
    known.set(progress.chunk, { ...known.get(progress.chunk)!, progress });
  }
  return chunks;
}

function foldMilestones(
  before: readonly Milestone[],
  added: readonly Milestone[] | undefined,
): readonly Milestone[] {
  if (!added || added.length === 0) return before;
  const milestones = [...before];
  for (const milestone of added) {
    milestones.push(milestone);
    if (milestone.name === 'collection-completed') continue;
    const same = milestones.filter(({ name }) => name === milestone.name);
    // The first of a name stays, because it tells when it began. The second is dropped.
    if (same.length > MILESTONES_PER_NAME) milestones.splice(milestones.indexOf(same[1]!), 1);
  }
  return milestones;
}

function foldTotals(before: Totals, commit: Commit): Totals {
  const totals = { ...before };
  totals.commits++;
  totals.ddlEvents += commit.ddl?.length ?? 0;
  totals.milestones += commit.milestones?.length ?? 0;
  for (const { kind, records, bytes, documentBytes } of commit.segments ?? []) {
    if (kind === 'snapshot') {
      totals.snapshotSegments++;
      totals.snapshotRecords += records;
      totals.snapshotBytes += bytes;
      totals.snapshotDocumentBytes += documentBytes;
    } else {
      totals.changeSegments++;
      totals.changeRecords += records;
      totals.changeBytes += bytes;
      totals.changeDocumentBytes += documentBytes;
    }
  }
  return totals;
}
