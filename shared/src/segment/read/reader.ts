import type { DataRecord } from '../../base/record.ts';
import type { ObjectReader } from '../../bucket/bucket.ts';
import type { LaneRun, SegmentEntry } from '../../manifest/commit.ts';
import { corrupt, named } from '../corrupt.ts';
import { changeBlocks, readAvroChanges, readAvroSnapshot } from './avro-reader.ts';
import { type FetchedChanges, fetchRuns, fetchWhole, wantedRuns } from './fetch-segment.ts';
import { readLineChanges, readLineSnapshot } from './line-reader.ts';
import { type ReadAgainOptions, readAgain } from './read-again.ts';

/** Consecutive documents of one collection. */
export interface SnapshotBlock {
  readonly kind: 'snapshot';
  /** Raw BSON, slices of one block of memory. */
  readonly documents: Buffer[];
}

/** Consecutive changes of one lane, ordered by sequence. */
export interface ChangeBlock {
  readonly kind: 'changes';
  readonly lane: number;
  /** Their byte fields are slices of one block of memory. */
  readonly records: DataRecord[];
}

export type DecodedBlock = SnapshotBlock | ChangeBlock;

export interface ReadSegmentOptions extends ReadAgainOptions {
  /**
   * Reads only these lanes of a change segment, and fetches only their bytes. Default: all lanes,
   * in one get.
   */
  readonly lanes?: readonly number[] | undefined;
}

/**
 * Reads a segment block by block. `key` is the object's whole key. Nothing is given out before size
 * and SHA-256 match the manifest's entry: those of the whole file, or of each run asked for. Bytes
 * that do not match are fetched once more. Decompresses one block ahead.
 * @throws SEGMENT_CORRUPT, FORMAT_UNSUPPORTED, the bucket's errors; the signal's reason
 */
export async function* readSegment(
  bucket: ObjectReader,
  key: string,
  entry: SegmentEntry,
  options: ReadSegmentOptions = {},
): AsyncGenerator<DecodedBlock, void, undefined> {
  try {
    if (entry.kind === 'snapshot') yield* readSnapshot(bucket, key, entry, options);
    else yield* readChanges(bucket, key, entry, options);
  } catch (error) {
    throw named(key, error);
  }
}

/** Like {@link readSegment}, for a snapshot segment. */
export async function* readSnapshotSegment(
  bucket: ObjectReader,
  key: string,
  entry: SegmentEntry,
  options: Omit<ReadSegmentOptions, 'lanes'> = {},
): AsyncGenerator<SnapshotBlock, void, undefined> {
  for await (const block of readSegment(bucket, key, entry, options)) {
    if (block.kind !== 'snapshot') throw corrupt(key, 'the manifest names it as a segment of changes');
    yield block;
  }
}

/** Like {@link readSegment}, for a change segment. */
export async function* readChangeSegment(
  bucket: ObjectReader,
  key: string,
  entry: SegmentEntry,
  options: ReadSegmentOptions = {},
): AsyncGenerator<ChangeBlock, void, undefined> {
  for await (const block of readSegment(bucket, key, entry, options)) {
    if (block.kind !== 'changes') throw corrupt(key, 'the manifest names it as a segment of a snapshot');
    yield block;
  }
}

async function* readSnapshot(
  bucket: ObjectReader,
  key: string,
  entry: SegmentEntry,
  options: ReadSegmentOptions,
): AsyncGenerator<SnapshotBlock, void, undefined> {
  yield* decodeSnapshot(await fetchWhole(bucket, key, entry, options), entry, options.signal);
}

async function* decodeSnapshot(
  bytes: Buffer,
  entry: SegmentEntry,
  signal: AbortSignal | undefined,
): AsyncGenerator<SnapshotBlock, void, undefined> {
  const batches =
    entry.format === 'avro' ? readAvroSnapshot(bytes, entry, signal) : readLineSnapshot(bytes, entry, signal);
  for await (const documents of batches) yield { kind: 'snapshot', documents };
}

async function* readChanges(
  bucket: ObjectReader,
  key: string,
  entry: SegmentEntry,
  options: ReadSegmentOptions,
): AsyncGenerator<ChangeBlock, void, undefined> {
  yield* decodeChanges(await fetchChanges(bucket, key, entry, options), entry, options.signal);
}

async function* decodeChanges(
  { header, runs }: FetchedChanges,
  entry: SegmentEntry,
  signal: AbortSignal | undefined,
): AsyncGenerator<ChangeBlock, void, undefined> {
  if (runs.length === 0) return;
  const batches =
    entry.format === 'avro'
      ? readAvroChanges(header, runs, entry.codec, signal)
      : readLineChanges(runs, entry.codec, signal);
  let current: LaneRun | null = null;
  let last = 0;
  for await (const { run, records } of batches) {
    if (run !== current) last = run.firstSequence - 1;
    current = run;
    for (const { sequence } of records) {
      if (sequence <= last || sequence > run.lastSequence) {
        throw new RangeError(`sequence ${sequence} stands where it cannot be`);
      }
      last = sequence;
    }
    yield { kind: 'changes', lane: run.lane, records };
  }
}

/**
 * Like {@link readSegment}, for bytes in memory whose hash the caller has compared.
 * @throws SEGMENT_CORRUPT, FORMAT_UNSUPPORTED; the signal's reason
 */
export async function* decodeSegment(
  bytes: Buffer,
  key: string,
  entry: SegmentEntry,
  signal?: AbortSignal,
): AsyncGenerator<DecodedBlock, void, undefined> {
  try {
    if (entry.kind === 'snapshot') yield* decodeSnapshot(bytes, entry, signal);
    else yield* decodeChanges(cutChanges(bytes, entry), entry, signal);
  } catch (error) {
    throw named(key, error);
  }
}

/**
 * Fetches the header and verified runs. All lanes come from one get, some lanes from ranged gets.
 */
async function fetchChanges(
  bucket: ObjectReader,
  key: string,
  entry: SegmentEntry,
  { lanes, ...options }: ReadSegmentOptions,
): Promise<FetchedChanges> {
  const all = tiledRuns(entry);
  const wanted = wantedRuns(all, lanes);
  if (wanted === all) return cutChanges(await fetchWhole(bucket, key, entry, options), entry);
  return readAgain(async () => {
    const fetched = await fetchRuns(bucket, key, entry, wanted, { signal: options.signal });
    if (entry.format === 'avro' && wanted.length > 0) assertFrames(key, fetched, entry);
    return fetched;
  }, options);
}

/** Checks the header while it can still be fetched again. No hash of a run covers it. */
function assertFrames(key: string, { header, runs }: FetchedChanges, { codec }: SegmentEntry): void {
  try {
    changeBlocks(header, runs, codec);
  } catch (error) {
    throw named(key, error);
  }
}

function cutChanges(bytes: Buffer, entry: SegmentEntry): FetchedChanges {
  const cut = ({ offset, length }: LaneRun): Buffer => bytes.subarray(offset, offset + length);
  return {
    header: bytes.subarray(0, entry.headerBytes ?? 0),
    runs: tiledRuns(entry).map((run) => ({ run, bytes: cut(run) })),
  };
}

/**
 * Returns the runs in their order in the file. The manifest's runs must cover the file from its
 * header to its end, without gaps, and hold all its records.
 */
function tiledRuns(entry: SegmentEntry): LaneRun[] {
  const runs = (entry.lanes ?? []).toSorted((a, b) => a.offset - b.offset);
  let at = entry.headerBytes ?? 0;
  let records = 0;
  for (const run of runs) {
    if (run.offset !== at) throw new RangeError(`the runs of its manifest entry leave a gap at byte ${at}`);
    at += run.length;
    records += run.records;
  }
  if (at !== entry.bytes) throw new RangeError('the runs of its manifest entry do not cover it');
  if (records !== entry.records)
    throw new RangeError('the runs of its manifest entry do not hold all its records');
  return runs;
}
