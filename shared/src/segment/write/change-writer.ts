import { randomBytes } from 'node:crypto';
import { formatClusterTime } from '../../base/position.ts';
import { type DataRecord, documentBytes, type Operation } from '../../base/record.ts';
import type { SegmentEntry } from '../../manifest/commit.ts';
import { codecFits, type SegmentCodec, type SegmentFormat } from '../extension.ts';
import { BlockCutter, type RecordLayout } from './block-cutter.ts';
import { AvroChangeLayout } from './change-layout.ts';
import { FileAssembly } from './file-assembly.ts';
import { ChangeLineLayout } from './line-layout.ts';

/** The records of one lane, ordered by sequence. */
export interface LaneRecords {
  readonly lane: number;
  readonly records: readonly DataRecord[];
}

export interface ChangeSegmentOptions {
  readonly format: SegmentFormat;
  readonly codec: SegmentCodec;
  /** Compression level of the codec; default 1. */
  readonly level?: number | undefined;
  /** Lanes without records are left out. */
  readonly records: readonly LaneRecords[];
}

export interface EncodedChangeSegment {
  /** The file, in pieces. */
  readonly chunks: Buffer[];
  readonly entry: Omit<SegmentEntry, 'key'>;
}

/**
 * Encodes one change segment, lane after lane. Each lane has blocks of its own, and blocks are
 * compressed side by side.
 */
export async function encodeChangeSegment(options: ChangeSegmentOptions): Promise<EncodedChangeSegment> {
  if (!codecFits(options.format, options.codec)) {
    throw new TypeError(`${options.format} segments have no codec ${options.codec}`);
  }
  const layout = createLayout(options);
  const file = new FileAssembly(layout.header);
  const cutter = new BlockCutter(layout, options.codec, options.level);
  const lanes = options.records.filter((lane) => lane.records.length > 0);
  for (const { lane, records } of lanes) {
    file.startRun(lane, records[0]!.sequence, records.at(-1)!.sequence);
    for (const record of records) {
      if (!cutter.fits(record)) {
        const sealed = cutter.seal();
        if (sealed !== null) file.push(sealed);
        await file.room(cutter.need);
        cutter.open();
      }
      cutter.write();
    }
    const sealed = cutter.seal();
    if (sealed !== null) file.push(sealed);
  }
  const { chunks, runs, bytes, sha256 } = await file.finish();
  return {
    chunks,
    entry: {
      kind: 'changes',
      format: options.format,
      codec: options.codec,
      bytes,
      sha256,
      ...summarize(lanes),
      ...(layout.header === null ? {} : { headerBytes: layout.header.length }),
      lanes: runs,
    },
  };
}

function createLayout(options: ChangeSegmentOptions): RecordLayout<DataRecord> {
  if (options.format === 'jsonl') return new ChangeLineLayout();
  return new AvroChangeLayout(options.codec, randomBytes(16));
}

type Summary = Pick<
  SegmentEntry,
  | 'records'
  | 'documentBytes'
  | 'firstSequence'
  | 'lastSequence'
  | 'firstClusterTime'
  | 'lastClusterTime'
  | 'operations'
>;

/** Counts and bounds over all lanes. Together the lanes hold one run of sequences. */
function summarize(lanes: readonly LaneRecords[]): Summary {
  const counts = new Map<Operation, number>();
  let count = 0;
  let bytes = 0;
  let first: DataRecord | undefined;
  let last: DataRecord | undefined;
  for (const { records } of lanes) {
    count += records.length;
    for (const record of records) {
      counts.set(record.operation, (counts.get(record.operation) ?? 0) + 1);
      bytes += documentBytes(record);
      if (first === undefined || record.sequence < first.sequence) first = record;
      if (last === undefined || record.sequence > last.sequence) last = record;
    }
  }
  if (first === undefined || last === undefined) return { records: 0, documentBytes: 0 };
  return {
    records: count,
    documentBytes: bytes,
    firstSequence: first.sequence,
    lastSequence: last.sequence,
    firstClusterTime: formatClusterTime(first.clusterTime),
    lastClusterTime: formatClusterTime(last.clusterTime),
    operations: Object.fromEntries(counts),
  };
}
