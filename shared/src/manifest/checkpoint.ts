/**
 * A checkpoint holds the folded state at a commit's number, so that a cold start need not read the
 * log from commit 1. It is derived from the log and never required. A reader skips a checkpoint
 * that is missing, damaged, of a newer version, or that does not fit the log.
 */

import { hasCode } from '../base/errors.ts';
import type { Bucket } from '../bucket/bucket.ts';
import { patientList } from '../bucket/patient-list.ts';
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from './codec.ts';
import type { CollectionDefinition } from './commit.ts';
import { DEAD_LETTERS_FEATURE } from './dead-letters.ts';
import { checkpointKey, checkpointsPrefix, commitKey, numberInKey } from './keys.ts';
import { type LogOptions, retried } from './options.ts';
import { FORMAT_VERSION } from './schema.ts';
import { sha256 } from './sealed-json.ts';
import type { ChunkState, StreamState } from './state.ts';

const CHECKPOINT_COMMITS = 100;
/**
 * The interval grows with every so many entries: a state twice the size is written half as often.
 * So the cost of checkpoints stays a share of the data.
 */
const ENTRIES_PER_INTERVAL = 5000;
/** A cold start tries this many checkpoints, the latest first. Older ones are of no use. */
export const CHECKPOINTS_TRIED = 3;

export function isCheckpointDue(state: StreamState): boolean {
  if (state.seq % CHECKPOINT_COMMITS !== 0) return false;
  let entries = state.snapshotSegments.length + state.collections.size;
  entries += state.deadLetters?.files.length ?? 0;
  for (const chunks of state.chunks.values()) entries += chunks.size;
  return state.seq % (CHECKPOINT_COMMITS * Math.max(1, Math.ceil(entries / ENTRIES_PER_INTERVAL))) === 0;
}

/** Every writer makes the same bytes, so it does not matter who wins. */
export async function writeCheckpoint(
  bucket: Bucket,
  prefix: string,
  state: StreamState,
  signal?: AbortSignal,
): Promise<void> {
  try {
    const bytes = encodeCheckpoint(checkpointOf(state));
    await bucket.put(checkpointKey(prefix, state.seq), bytes, { ifAbsent: true, signal });
  } catch (error) {
    if (!hasCode(error, 'BUCKET_OBJECT_EXISTS')) throw error;
  }
}

export async function latestCheckpoint(
  bucket: Bucket,
  prefix: string,
  options: LogOptions = {},
): Promise<StreamState | null> {
  const latest: string[] = [];
  for await (const { key } of patientList(bucket, checkpointsPrefix(prefix), options)) {
    if (numberInKey(key) === undefined) continue;
    latest.unshift(key);
    latest.length = Math.min(latest.length, CHECKPOINTS_TRIED);
  }
  for (const key of latest) {
    const seq = numberInKey(key)!;
    try {
      const bytes = await retried((call) => bucket.get(key, call), options);
      const state = stateOf(decodeCheckpoint(bytes, seq, key));
      const commit = await retried((call) => bucket.get(commitKey(prefix, seq), call), options);
      if (sha256(commit) === state.hash) return state;
    } catch (error) {
      if (!hasCode(error, 'MANIFEST_CORRUPT', 'FORMAT_UNSUPPORTED', 'BUCKET_OBJECT_MISSING')) throw error;
    }
  }
  return null;
}

export function checkpointOf(state: StreamState): Checkpoint {
  const { seq, hash, epoch, writer, at, position, lastSequence, partialTransaction, reading, totals } = state;
  const { deadLetters } = state;
  // The shapes are the same, but those of the contract are readonly.
  return {
    formatVersion: FORMAT_VERSION,
    features: deadLetters ? [DEAD_LETTERS_FEATURE] : [],
    seq,
    hash: hash ?? '',
    epoch,
    writer,
    at,
    position,
    lastSequence,
    partialTransaction,
    ...(reading && { reading }),
    collections: [...state.collections.values()] as Checkpoint['collections'],
    currentCollections: [...state.currentCollections.values()] as Checkpoint['currentCollections'],
    ddlBeforeInventory: state.ddlBeforeInventory as Checkpoint['ddlBeforeInventory'],
    chunks: [...state.chunks.values()].flatMap((chunks) => [...chunks.values()]) as Checkpoint['chunks'],
    snapshotSegments: state.snapshotSegments as Checkpoint['snapshotSegments'],
    milestones: state.milestones as Checkpoint['milestones'],
    totals,
    ...(deadLetters && { deadLetters: deadLetters as NonNullable<Checkpoint['deadLetters']> }),
  };
}

export function stateOf(checkpoint: Checkpoint): StreamState {
  const { formatVersion: _, features: __, collections, currentCollections, chunks, ...rest } = checkpoint;
  const byNamespace = new Map<string, Map<number, ChunkState>>();
  for (const chunk of chunks) {
    const known = byNamespace.get(chunk.namespace) ?? new Map<number, ChunkState>();
    byNamespace.set(chunk.namespace, known.set(chunk.chunk, chunk));
  }
  return {
    ...rest,
    reading: rest.reading ?? null,
    deadLetters: rest.deadLetters ?? null,
    collections: byName(collections),
    currentCollections: byName(currentCollections),
    chunks: byNamespace,
  };
}

function byName(definitions: readonly CollectionDefinition[]): Map<string, CollectionDefinition> {
  return new Map(definitions.map((definition) => [definition.namespace, definition]));
}
