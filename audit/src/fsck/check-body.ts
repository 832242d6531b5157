/**
 * What is in a segment's file, beside what the manifest says of it: its hashes, every record,
 * counts and lanes.
 */

import { hasCode } from '@waybill/shared/base/errors';
import type { Bucket, ObjectReader } from '@waybill/shared/bucket/bucket';
import type { SegmentEntry } from '@waybill/shared/manifest/commit';
import { type LogOptions, retried } from '@waybill/shared/manifest/options';
import { sha256 } from '@waybill/shared/manifest/sealed-json';
import { fetchWhole } from '@waybill/shared/segment/read/fetch-segment';
import { decodeSegment } from '@waybill/shared/segment/read/reader';
import { ChangeContent, type ChangeContext } from './change-content.ts';
import type { EntryFault } from './check-entry.ts';
import { SnapshotContent } from './snapshot-content.ts';

export interface BodyContext extends ChangeContext {
  /** For the last segment of a chunk in its commit: the `lastId` of the chunk's progress there. */
  readonly lastId: string | null | undefined;
  /** False where the entry contradicts itself: then only the hash is compared. */
  readonly decode: boolean;
}

export interface CheckedBody {
  readonly faults: readonly EntryFault[];
  /** Decoded. */
  readonly records: number;
}

/**
 * Holds the file, and a few decompressed blocks. Throws the bucket's errors and the signal's
 * reason.
 */
export async function checkBody(
  bucket: Bucket,
  key: string,
  entry: SegmentEntry,
  context: BodyContext,
  options: LogOptions,
): Promise<CheckedBody> {
  const found = await read(bucket, key, entry, options);
  if ('kind' in found) return { faults: [found], records: 0 };
  if (!context.decode) return { faults: [], records: 0 };
  const faults = runFaults(found, entry);
  const content =
    entry.kind === 'snapshot'
      ? new SnapshotContent(entry, context.lastId)
      : new ChangeContent(entry, context);
  try {
    for await (const block of decodeSegment(found, key, entry, options.signal)) {
      // The blocks are of the entry's kind.
      if (block.kind === 'snapshot') (content as SnapshotContent).take(block);
      else (content as ChangeContent).take(block);
    }
    faults.push(...content.faults());
  } catch (error) {
    const fault = faultOf(error);
    if (!fault) throw error;
    faults.push(fault);
  }
  return { faults, records: content.records };
}

/**
 * As a load reads it: with a second look where it is missing, and a second read where it is not
 * what the manifest says.
 */
async function read(
  bucket: Bucket,
  key: string,
  entry: SegmentEntry,
  options: LogOptions,
): Promise<Buffer | EntryFault> {
  let bytes = entry.bytes;
  const reader: ObjectReader = {
    get: async (name) => {
      const found = await retried((call) => bucket.get(name, call), options);
      bytes = found.length;
      return found;
    },
  };
  try {
    return await fetchWhole(reader, key, entry, options);
  } catch (error) {
    if (hasCode(error, 'BUCKET_OBJECT_MISSING'))
      return { kind: 'segment-missing', detail: 'it was listed, and is gone' };
    if (!hasCode(error, 'SEGMENT_CORRUPT')) throw error;
    if (bytes !== entry.bytes) return sizeFault(bytes, entry);
    return { kind: 'segment-altered', detail: 'its SHA-256 is not what the manifest says' };
  }
}

export function sizeFault(bytes: number, entry: SegmentEntry): EntryFault {
  return { kind: 'segment-size', detail: `it has ${bytes} bytes, and the manifest says ${entry.bytes}` };
}

function runFaults(bytes: Buffer, { lanes = [] }: SegmentEntry): EntryFault[] {
  return lanes
    .filter((run) => sha256(bytes.subarray(run.offset, run.offset + run.length)) !== run.sha256)
    .map(({ lane }) => ({
      kind: 'lane-run',
      detail: `the SHA-256 of lane ${lane} is not what the manifest says`,
    }));
}

function faultOf(error: unknown): EntryFault | undefined {
  if (hasCode(error, 'FORMAT_UNSUPPORTED')) return { kind: 'format-unsupported', detail: error.message };
  // The hash is right, so it was written like that.
  if (hasCode(error, 'SEGMENT_CORRUPT', 'DOCUMENT_INVALID')) {
    return { kind: 'segment-content', detail: error.message };
  }
  return undefined;
}
