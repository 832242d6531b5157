import { WaybillError } from '@waybill/shared/base/errors';
import { NamespaceFilter } from '@waybill/shared/mongo/facts/namespace-filter';
import { KnownCollections } from '../catalog/known-collections.ts';
import { CollectionReader } from '../changes/collection-reader.ts';
import { Handover } from '../changes/handover.ts';
import { InStreamReader } from '../changes/in-stream-reader.ts';
import { Intake } from '../changes/intake.ts';
import { ListingAgain } from '../changes/listing-again.ts';
import { Sealer } from '../changes/sealing.ts';
import { Tailer } from '../changes/tailer.ts';
import { bucketRetryNotice } from '../commit/bucket-retry.ts';
import { ChangePipeline } from '../commit/change-pipeline.ts';
import { ImageLookup } from '../images/image-lookup.ts';
import { ChangeStreamReader } from '../source/change-stream.ts';
import type { CaptureDeps } from '../start/deps.ts';
import type { CaptureSettings } from '../start/settings.ts';
import type { StartedStream } from '../start/start-stream.ts';

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
/** A capture that ends by itself must not wait out a long getMore to prove that it may. */
const ENDING_AWAIT_MS = 50;

export interface Tailing {
  readonly tailer: Tailer;
  readonly listing: ListingAgain;
  /** Whether the source tells of every change of structure by itself. */
  readonly tellsOfStructure: boolean;
}

/** The tailer with everything that it hands events on to. */
export function createTailer(parts: TailerParts): Tailing {
  const { settings, deps, stream, stop } = parts;
  const { filter, committer, position } = stream;
  const { source: connection, logger, stats } = deps;
  const captured = [...committer.state.currentCollections.values()].filter(({ namespace }) =>
    filter.matches(namespace),
  );
  const known = new KnownCollections(captured, stream.isNew);
  const images = createImages(parts);
  const sealer = new Sealer(
    {
      commitSize: settings.commitSize,
      transactionBytes: TRANSACTION_COMMITS * settings.commitSize,
      commitInterval: settings.commitInterval,
    },
    position,
    (namespace) => images?.expectedBytes(namespace) ?? 0,
  );
  const tailer = new Tailer({
    reader: createReader(parts),
    intake: createIntake(parts, known, sealer),
    sealer,
    handover: new Handover(createPipeline(parts, images), sealer, settings.idleCommitMs),
    isSharded: isSharded(parts),
    stats,
    stop,
  });
  const listing = new ListingAgain({ connection, filter, known, tailer, logger, signal: stop });
  return { tailer, listing, tellsOfStructure: stream.options.showExpandedEvents };
}

/** Null: images come with the events or not at all. */
function createImages(parts: TailerParts): ImageLookup | null {
  const { settings, deps, stream, abort } = parts;
  const ofUpdates = stream.identity.images !== 'none';
  if (!ofUpdates && !isSharded(parts)) return null;
  return new ImageLookup({
    connection: deps.source,
    concurrency: settings.lookupConcurrency,
    ids: settings.lookupIds,
    budgetBytes: IMAGE_COMMITS * settings.commitSize,
    ofUpdates,
    signal: abort,
    onLookup: (documents) => {
      deps.stats.lookups += documents;
    },
  });
}

function createPipeline(
  { settings, deps, stream, abort, onFailure }: TailerParts,
  images: ImageLookup | null,
): ChangePipeline {
  const { bucket, logger, metrics, stats } = deps;
  const { committer, prefix, writer, identity } = stream;
  return new ChangePipeline({
    committer,
    images,
    upload: {
      bucket,
      prefix,
      epoch: writer.epoch,
      identity,
      level: settings.compressionLevel,
      signal: abort,
      onRetry: bucketRetryNotice(deps),
    },
    inFlight: settings.commitsInFlight,
    missingLimit: settings.missingLimit,
    stats,
    logger,
    observeCommit: (seconds) => metrics.captureCommit.observe(seconds),
    onFailure,
  });
}

function createIntake(parts: TailerParts, known: KnownCollections, sealer: Sealer): Intake {
  const { settings, deps, stream, stop } = parts;
  const { identity, filter, committer, position } = stream;
  const { source: connection, logger } = deps;
  const { lanes } = identity;
  const { commitSize } = settings;
  const reader = new CollectionReader({ connection, lanes, commitSize, logger, signal: stop });
  return new Intake({
    connection,
    identity,
    filter,
    known,
    ddl: {
      filter,
      known,
      isSharded: isSharded(parts),
      timeSeries: settings.timeSeries,
      isWholeDatabase: wholeDatabases(filter, settings.exclude),
    },
    sealer,
    inStream: new InStreamReader({ reader, known, underWay: committer.state.reading }),
    hasUuids: stream.options.showExpandedEvents,
    repeated: stream.start.at === 'time' ? position : null,
    logger,
    signal: stop,
  });
}

function createReader({ settings, deps, stream, stop }: TailerParts): ChangeStreamReader {
  const { source, logger, stats, metrics } = deps;
  const { until, maxAwaitMs } = settings;
  return new ChangeStreamReader({
    connection: source,
    stream: stream.options,
    start: stream.start,
    lastEvent: stream.position.lastEvent,
    awaitMs: until === 'stopped' ? maxAwaitMs : Math.min(maxAwaitMs, ENDING_AWAIT_MS),
    logger,
    signal: stop,
    onRetry: (error) => {
      stats.retries++;
      metrics.retries.inc({ code: error instanceof WaybillError ? error.code : 'INTERNAL' });
    },
  });
}

function isSharded({ deps }: TailerParts): boolean {
  return deps.source.server.topology === 'sharded';
}

/** No collection has this name, so only a pattern for all of a database lets it in. */
const ANY_COLLECTION = '\u0001';

function wholeDatabases(filter: NamespaceFilter, exclude: readonly string[]): (database: string) => boolean {
  const excluded = exclude.length === 0 ? null : new NamespaceFilter({ include: exclude });
  return (database) =>
    filter.matches(`${database}.${ANY_COLLECTION}`) && !(excluded?.mayMatchDatabase(database) ?? false);
}
