import { WaybillError } from '@waybill/shared/base/errors';
import { NamespaceFilter } from '@waybill/shared/mongo/facts/namespace-filter';
import { bucketRetryNotice } from './bucket-retry.ts';
import type { CaptureDeps } from './capture.ts';
import { KnownCollections } from './catalog/known-collections.ts';
import { ListingAgain } from './catalog/listing-again.ts';
import { ImageLookup } from './changes/images.ts';
import { InStreamReader } from './changes/in-stream-reader.ts';
import { Intake } from './changes/intake.ts';
import { Sealer } from './changes/sealing.ts';
import { ChangeStreamReader } from './changes/stream.ts';
import { Tailer } from './changes/tailer.ts';
import { ChangePipeline } from './commit/change-pipeline.ts';
import type { CaptureSettings } from './settings.ts';
import type { StartedStream } from './start.ts';

export interface TailerParts {
  readonly settings: CaptureSettings;
  readonly deps: Pick<CaptureDeps, 'bucket' | 'source' | 'logger' | 'metrics' | 'stats'>;
  readonly stream: StartedStream;
  /** Stop reading. */
  readonly stop: AbortSignal;
  /** Give up what is under way. */
  readonly abort: AbortSignal;
  readonly onFailure: (error: unknown) => void;
}

/** A transaction may be this many times a commit's size before it is cut. */
const TRANSACTION_COMMITS = 4;
/** Images of a commit may be this many times its size before it is cut. */
const IMAGE_COMMITS = 2;
/** Milliseconds; see its use. */
const ENDING_AWAIT_MS = 50;

export interface Tailing {
  readonly tailer: Tailer;
  readonly listing: ListingAgain;
  /** Whether the source tells of every change of structure by itself. */
  readonly tellsOfStructure: boolean;
}

/** The tailer with everything that it hands events on to. */
export function createTailer({ settings, deps, stream, stop, abort, onFailure }: TailerParts): Tailing {
  const { bucket, source, logger, metrics, stats } = deps;
  const { identity, prefix, filter, committer, writer, position } = stream;
  const { lanes } = identity;
  const isSharded = source.server.topology === 'sharded';
  const captured = [...committer.state.currentCollections.values()].filter(({ namespace }) =>
    filter.matches(namespace),
  );
  const known = new KnownCollections(captured, stream.isNew);
  const images =
    identity.images === 'none' && !isSharded
      ? null
      : new ImageLookup({
          connection: source,
          concurrency: settings.lookupConcurrency,
          ids: settings.lookupIds,
          budgetBytes: IMAGE_COMMITS * settings.commitBytes,
          ofUpdates: identity.images !== 'none',
          signal: abort,
          onLookup: (documents) => {
            stats.lookups += documents;
          },
        });
  const pipeline = new ChangePipeline({
    committer,
    images,
    upload: {
      bucket,
      prefix,
      epoch: writer.epoch,
      identity,
      level: settings.compressionLevel,
      signal: abort,
      onRetry: bucketRetryNotice({ stats, metrics, logger }),
    },
    inFlight: settings.commitsInFlight,
    missingLimit: settings.missingLimit,
    stats,
    logger,
    observeCommit: (seconds) => metrics.captureCommit.observe(seconds),
    onFailure,
  });
  const sealer = new Sealer(
    {
      commitBytes: settings.commitBytes,
      transactionBytes: TRANSACTION_COMMITS * settings.commitBytes,
      intervalMs: settings.commitIntervalMs,
    },
    position,
    (namespace) => images?.expectedBytes(namespace) ?? 0,
  );
  const inStream = new InStreamReader({
    connection: source,
    pipeline,
    known,
    underWay: committer.state.reading,
    lanes,
    commitBytes: settings.commitBytes,
    logger,
    signal: stop,
  });
  const intake = new Intake({
    connection: source,
    identity,
    filter,
    known,
    ddl: {
      filter,
      known,
      isSharded,
      timeSeries: settings.timeSeries,
      isWholeDatabase: wholeDatabases(filter, settings.exclude),
    },
    sealer,
    pipeline,
    inStream,
    hasUuids: stream.options.showExpandedEvents,
    repeated: stream.start.at === 'time' ? position : null,
    logger,
    signal: stop,
  });
  const reader = new ChangeStreamReader({
    connection: source,
    stream: stream.options,
    start: stream.start,
    lastEvent: position.lastEvent,
    // What ends by itself must not wait out a long getMore to prove that it may.
    awaitMs:
      settings.until === 'stopped' ? settings.maxAwaitMs : Math.min(settings.maxAwaitMs, ENDING_AWAIT_MS),
    logger,
    signal: stop,
    onRetry: (error) => {
      stats.retries++;
      metrics.retries.inc({ code: error instanceof WaybillError ? error.code : 'INTERNAL' });
    },
  });
  const tailer = new Tailer({
    reader,
    intake,
    sealer,
    pipeline,
    isSharded,
    idleCommitMs: settings.idleCommitMs,
    stats,
    stop,
  });
  const listing = new ListingAgain({
    connection: source,
    filter,
    known,
    tailer,
    pipeline,
    logger,
    signal: stop,
  });
  return { tailer, listing, tellsOfStructure: stream.options.showExpandedEvents };
}

/** No collection has this name, so only a pattern for all of a database lets it in. */
const ANY_COLLECTION = '\u0001';

function wholeDatabases(filter: NamespaceFilter, exclude: readonly string[]): (database: string) => boolean {
  const excluded = exclude.length === 0 ? null : new NamespaceFilter({ include: exclude });
  return (database) =>
    filter.matches(`${database}.${ANY_COLLECTION}`) && !(excluded?.mayMatchDatabase(database) ?? false);
}
