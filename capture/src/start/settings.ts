import { availableParallelism } from 'node:os';
import type { SegmentEntry, StreamIdentity } from '@waybill/shared/manifest/commit';

/**
 * What a capture needs to know. Command line, files and environment have been resolved. Sizes are
 * in bytes, times in milliseconds.
 */
export interface CaptureSettings {
  readonly stream: string;
  /** Fixed for the life of a stream, together with lanes, format, codec and images. */
  readonly include: readonly string[];
  /** May grow from one start to the next. */
  readonly exclude: readonly string[];
  readonly lanes: number;
  readonly format: StreamIdentity['format'];
  readonly codec: SegmentEntry['codec'];
  /** Level of the codec; undefined takes our default for the codec. */
  readonly compressionLevel: number | undefined;
  /**
   * Where the document of an update comes from. lookup: read by identity after the event. post: the
   * server's stored post-image, or a lookup if the collection stores none. none: only the delta.
   */
  readonly images: StreamIdentity['images'];
  readonly timeSeries: 'refuse' | 'snapshot-only';
  /** A new stream may be empty, or have patterns that match nothing. */
  readonly allowEmpty: boolean;
  /** A new stream may begin beside others of the same source. */
  readonly newStream: boolean;
  /** Take the stream from its owner, even if that is at work. */
  readonly takeOver: boolean;
  /**
   * Without takeOver: take it from an owner that has been silent for this long, which is longer
   * than the commits of an idle owner are apart.
   */
  readonly ownerSilence: number;
  /** When to end by itself. */
  readonly until: 'stopped' | 'snapshot-completed' | 'caught-up';

  /** About how much of a collection one chunk covers. */
  readonly chunkSize: number;
  /** Raw documents in one snapshot segment; a loader holds one compressed segment in memory. */
  readonly segmentSize: number;
  /** How many chunks are read at once. Each takes about one compressed segment and two batches. */
  readonly readers: number;
  readonly readPreference: 'primary' | 'secondaryPreferred';
  /** Most bytes of documents that the snapshot reads in a second; null for no limit. */
  readonly maxReadRate: number | null;

  /** A commit of changes is sealed at this size, images included. */
  readonly commitSize: number;
  /** A commit of changes is sealed when its oldest event is this old. */
  readonly commitInterval: number;
  /** An idle stream commits its position this often, so that the resume point keeps moving. */
  readonly idleCommitMs: number;
  /**
   * How many sealed commits may be between reading and the manifest. With {@link commitSize} it
   * bounds the memory of changes.
   */
  readonly commitsInFlight: number;
  /** How long the server may hold a getMore that has nothing to give. */
  readonly maxAwaitMs: number;
  /** For the lookup of images: finds at once, and ids in one find. */
  readonly lookupConcurrency: number;
  readonly lookupIds: number;
  /**
   * How many updates without a document may wait for their explanation; older ones go unchecked.
   */
  readonly missingLimit: number;
}

const MIB = 1024 * 1024;

export const CAPTURE_DEFAULTS: CaptureSettings = {
  stream: 'default',
  include: [],
  exclude: [],
  lanes: 16,
  format: 'avro',
  codec: 'zstandard',
  compressionLevel: undefined,
  images: 'lookup',
  timeSeries: 'refuse',
  allowEmpty: false,
  newStream: false,
  takeOver: false,
  ownerSilence: 15_000,
  until: 'stopped',
  chunkSize: 128 * MIB,
  segmentSize: 64 * MIB,
  readers: Math.min(4, Math.max(2, availableParallelism())),
  readPreference: 'primary',
  maxReadRate: null,
  commitSize: 16 * MIB,
  commitInterval: 1000,
  idleCommitMs: 10_000,
  commitsInFlight: 3,
  maxAwaitMs: 250,
  lookupConcurrency: 3,
  lookupIds: 1000,
  missingLimit: 200_000,
};
