import type { DataRecord } from '../../base/record.ts';
import type { LaneRun, SegmentEntry } from '../../manifest/commit.ts';
import {
  type AvroHeader,
  decodeHeader,
  type FramedBlock,
  SEGMENT_VERSION,
  splitBlocks,
} from '../avro/container.ts';
import { RecordReader } from '../avro/record.ts';
import { isRecordSchema } from '../avro/schema.ts';
import { assertConsumed, assertCount, LongReader } from '../avro/varint.ts';
import { decompress } from '../compression.ts';
import { UnknownFeature } from '../corrupt.ts';
import type { SegmentCodec } from '../extension.ts';
import { MAX_BLOCK_BYTES } from '../limits.ts';
import type { VerifiedRun } from './fetch-segment.ts';
import { eachAhead } from './frames.ts';
import { SnapshotBlockReader } from './snapshot-block.ts';

/**
 * Yields the documents of a verified snapshot file, a batch for each block. Throws RangeErrors and
 * {@link UnknownFeature}.
 */
export async function* readAvroSnapshot(
  bytes: Buffer,
  entry: SegmentEntry,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer[], void, undefined> {
  const header = readHeader(bytes, entry.codec);
  const blocks = readBlocks(bytes, header.bytes, header.sync, entry.records);
  const reader = new SnapshotBlockReader(entry.namespace ?? '');
  for await (const { raw, block } of rawBlocks(blocks, entry.codec, signal)) {
    yield reader.decode(raw, block.count);
  }
}

/**
 * Yields the records of verified runs, in their order, a batch for each block. Throws RangeErrors
 * and {@link UnknownFeature}.
 */
export async function* readAvroChanges(
  headerBytes: Buffer,
  runs: readonly VerifiedRun[],
  codec: SegmentCodec,
  signal: AbortSignal | undefined,
): AsyncGenerator<{ run: LaneRun; records: DataRecord[] }, void, undefined> {
  // This checks all frames before it gives out the first record.
  const blocks = changeBlocks(headerBytes, runs, codec);
  const reader = new RecordReader();
  for await (const { raw, block } of rawBlocks(blocks, codec, signal)) {
    yield { run: block.run, records: decodeRecords(raw, block.count, reader) };
  }
}

/**
 * Splits verified runs into frames. The sync markers of the frames also check the header, which no
 * hash of a run covers.
 */
export function changeBlocks(
  headerBytes: Buffer,
  runs: readonly VerifiedRun[],
  codec: SegmentCodec,
): (FramedBlock & { readonly run: LaneRun })[] {
  const header = readHeader(headerBytes, codec);
  if (header.bytes !== headerBytes.length) {
    throw new RangeError('its header is not as long as the manifest says');
  }
  return runs.flatMap(({ run, bytes }) =>
    readBlocks(bytes, 0, header.sync, run.records).map((block) => ({ ...block, run })),
  );
}

/**
 * Checks that the bytes start as a segment of Waybill's. No hash of a run covers the header, so
 * this checks its meaning.
 */
function readHeader(bytes: Buffer, codec: SegmentCodec): AvroHeader {
  const header = decodeHeader(bytes);
  if (header.codec !== codec) {
    throw new RangeError(`its codec is ${JSON.stringify(header.codec)}, and the manifest says ${codec}`);
  }
  if (header.version !== undefined && header.version !== SEGMENT_VERSION) {
    throw new UnknownFeature(
      `it is of version ${JSON.stringify(header.version)}, this is ${SEGMENT_VERSION}`,
    );
  }
  if (!isRecordSchema(header.schema)) throw new UnknownFeature('its schema is not the one of this version');
  return header;
}

function readBlocks(bytes: Buffer, start: number, sync: Buffer, records: number): FramedBlock[] {
  const blocks = splitBlocks(bytes, start, bytes.length, sync);
  const found = blocks.reduce((sum, block) => sum + block.count, 0);
  if (found !== records) throw new RangeError(`it holds ${found} records, and the manifest says ${records}`);
  return blocks;
}

function rawBlocks<Block extends FramedBlock>(
  blocks: readonly Block[],
  codec: SegmentCodec,
  signal: AbortSignal | undefined,
): AsyncGenerator<{ raw: Buffer; block: Block }, void, undefined> {
  const work = async (block: Block): Promise<{ raw: Buffer; block: Block }> => {
    return { raw: await decompress(codec, block.compressed, MAX_BLOCK_BYTES), block };
  };
  return eachAhead(blocks, work, signal);
}

/** Decodes records. Their byte fields are slices of `raw`. */
function decodeRecords(raw: Buffer, count: number, reader: RecordReader): DataRecord[] {
  assertCount(raw, count);
  const from = new LongReader(raw);
  const records: DataRecord[] = [];
  for (let left = count; left > 0; left--) records.push(reader.read(from));
  assertConsumed(from);
  return records;
}
