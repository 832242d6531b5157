/**
 * How a capture begins: a new stream, or one to go on with.
 *
 *   new:     open the change stream (T0) → list collections → stream.json → epoch and position T0 →
 *   definitions, snapshot-started resumed: stream.json compared → the source still holds the
 *   position's history → epoch → position, unfinished chunks
 *
 * Nothing is written before a new stream is known to be possible. A crash after stream.json, or
 * after the position, leaves a stream without `snapshot-started`: the next start goes on from the
 * position T0 that stands in the manifest, lists again, and maps the names back to that T0.
 */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { WaybillError } from '@waybill/shared/base/errors';
import { throwIfAborted } from '@waybill/shared/base/lifecycle';
import type { Logger } from '@waybill/shared/base/logger';
import type { Metrics } from '@waybill/shared/base/metrics';
import { type ClusterTime, formatClusterTime, parseClusterTime } from '@waybill/shared/base/position';
import { processIdentity } from '@waybill/shared/base/process-identity';
import { retry } from '@waybill/shared/base/retry';
import type { CaptureStats } from '@waybill/shared/base/stats';
import { type Bucket, UNFINISHED_AGE_MS } from '@waybill/shared/bucket/bucket';
import type { CollectionDefinition, StreamIdentity } from '@waybill/shared/manifest/commit';
import { createStream, findStream, type NewStream, progressOf } from '@waybill/shared/manifest/identity';
import { isUploadOfOurs, streamPrefix } from '@waybill/shared/manifest/keys';
import { readManifest } from '@waybill/shared/manifest/log';
import { milestoneOf, type StreamState } from '@waybill/shared/manifest/state';
import { excludeEvidence, excludesAll, streamPatterns } from '@waybill/shared/manifest/stream-patterns';
import { ManifestWriter } from '@waybill/shared/manifest/writer';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { NamespaceFilter } from '@waybill/shared/mongo/facts/namespace-filter';
import { listOwnProgress } from '@waybill/shared/mongo/facts/own-progress';
import { type SourceIdentity, sourceIdentity } from '@waybill/shared/mongo/facts/source-identity';
import { bucketRetryNotice } from './bucket-retry.ts';
import { discover } from './catalog/discovery.ts';
import { checkPatterns, PatternWatch } from './catalog/patterns.ts';
import type { StreamPosition } from './changes/change.ts';
import { assertSameHistory } from './changes/history.ts';
import { ChangeStreamReader } from './changes/stream.ts';
import {
  optionsHash,
  type StreamOptions,
  type StreamStart,
  streamOptions,
} from './changes/stream-options.ts';
import { Committer, milestone } from './commit/committer.ts';
import { tellWhatIsTakenForProgress } from './earlier-stream.ts';
import { assertOnlyStream } from './other-streams.ts';
import { untilOwnerIsGone } from './owner.ts';
import { assertExcludesAsMuch, assertSame } from './same-stream.ts';
import type { CaptureSettings } from './settings.ts';
import { pieces } from './snapshot/plan.ts';
import { sourceTime } from './source-clock.ts';

export interface StartDeps {
  readonly bucket: Bucket;
  readonly source: MongoConnection;
  readonly logger: Logger;
  readonly stats: CaptureStats;
  readonly metrics: Metrics;
  readonly signal: AbortSignal;
  /** Later than the signal: ends the commits under way. */
  readonly giveUp: AbortSignal;
}

export interface StartedStream {
  readonly identity: StreamIdentity;
  readonly prefix: string;
  readonly filter: NamespaceFilter;
  readonly options: StreamOptions;
  readonly writer: ManifestWriter;
  readonly committer: Committer;
  readonly t0: ClusterTime;
  /** Where the tailer goes on. */
  readonly position: StreamPosition;
  readonly start: StreamStart;
  readonly isNew: boolean;
}

/** Definitions in one commit. */
const DEFINITIONS_IN_COMMIT = 50;

/**
 * Errors: STREAM_FOREIGN_SOURCE, STREAM_OPTIONS_CHANGED, STREAM_BESIDE_OTHERS, STREAM_IN_USE,
 * CONFIG_PATTERN_UNMATCHED, SOURCE_*, MONGO_*, MANIFEST_*, BUCKET_*.
 */
export async function startStream(settings: CaptureSettings, deps: StartDeps): Promise<StartedStream> {
  const { bucket, source, logger, stats, signal, giveUp } = deps;
  const prefix = streamPrefix(settings.stream);
  const { include, exclude } = settings;
  const cluster = await sourceIdentity(source, signal);
  const existing = await findStream(bucket, prefix, { signal });
  const progress = existing
    ? progressOf(existing)
    : await listOwnProgress(source, new NamespaceFilter({ include, exclude }), signal);
  const wanted = { ...newStream(settings, cluster), progress };
  const filter = new NamespaceFilter({ include, exclude, progress });
  const options = streamOptions(source.server, { images: settings.images, ...filter.serverLists() });
  const hash = optionsHash(options);
  const discovery = {
    connection: source,
    filter,
    stream: options,
    timeSeries: settings.timeSeries,
    logger,
    signal,
  };

  if (existing) {
    assertSame(existing, wanted, cluster);
    await tellWhatIsTakenForProgress(existing, deps);
  } else if (!settings.newStream) await assertOnlyStream(bucket, settings.stream, cluster, signal);
  const before = existing ? await readManifest(bucket, prefix, { signal }) : null;
  if (existing && before) assertExcludesAsMuch(existing, before, settings.exclude);
  // A change stream that no majority stands behind does not even open; the clock says why.
  const now = await sourceTime({ connection: source, logger, signal });
  if (before?.position) {
    const held = positionOf(before, hash);
    await retry(() => assertSameHistory(source, options, held, now, signal), undefined, { signal });
  }
  let opened: StreamPosition | null = null;
  let definitions: CollectionDefinition[] | null = null;
  if (!before?.position) {
    opened = await openStream(options, settings, deps);
    // Also to find out, before anything is written, whether all of it can be captured.
    definitions = await discover(startAt(opened, true), discovery);
    if (!existing) await checkPatterns(definitions, { ...deps, filter, allowEmpty: settings.allowEmpty });
  }
  const identity = existing ?? (await createStream(bucket, prefix, wanted, { signal }));
  assertSame(identity, wanted, cluster);

  const log = before ?? (await readManifest(bucket, prefix, { signal }));
  await untilOwnerIsGone(log, settings, { bucket, prefix, logger, signal });
  const writer = await ManifestWriter.acquire({
    bucket,
    prefix,
    writer: `${hostname()}/${process.pid}/${randomBytes(4).toString('hex')}`,
    body: (state) => {
      assertExcludesAsMuch(identity, state, settings.exclude);
      const from = state.position ? positionOf(state, hash) : opened;
      const position = state.position ? positionBehind(state, identity, settings, hash) : opened;
      return {
        ...(position && { position: committed(position, hash) }),
        milestones: [
          milestone('capture-started', from?.clusterTime ?? null, state.lastSequence, {
            process: processIdentity(),
            ...excludeEvidence(identity, settings.exclude),
          }),
        ],
      };
    },
    signal,
    onRetry: bucketRetryNotice(deps),
  });
  const patterns = new PatternWatch(filter, logger);
  const committer = new Committer({ writer, stats, logger, optionsHash: hash, patterns, giveUp });
  const { state } = writer;
  const position = positionOf(state, hash);
  const isOurs = opened !== null && position.clusterTime === opened.clusterTime;
  const isNew = milestoneOf(state, 'snapshot-started') === undefined;
  if (isNew) {
    const start = startAt(position, state.position?.options === hash);
    await commitDefinitions(
      isOurs && definitions ? definitions : await discover(start, discovery),
      committer,
      position,
      settings.allowEmpty,
    );
  } else patterns.look(state.currentCollections);
  const t0 =
    parseClusterTime(milestoneOf(writer.state, 'snapshot-started')?.clusterTime ?? '') ??
    position.clusterTime;
  stats.watermark = position.clusterTime;
  stats.sequence = state.lastSequence;
  logger.info(isNew ? 'new stream' : 'stream goes on', {
    stream: settings.stream,
    epoch: writer.epoch,
    position: formatClusterTime(position.clusterTime),
    ...(!isNew && { sequence: state.lastSequence }),
  });
  await removeLeftovers(bucket, prefix, deps);
  const tokenFits = state.position?.options === hash;
  if (!tokenFits)
    logger.warn('the change stream has other options than before; it starts at its cluster time');
  return {
    identity,
    prefix,
    filter,
    options,
    writer,
    committer,
    t0,
    position,
    start: startAt(position, tokenFits),
    isNew,
  };
}

/**
 * Best effort: uploads that a crash cut short are no objects and harm nothing, but stores bill
 * their bytes.
 */
async function removeLeftovers(bucket: Bucket, prefix: string, { logger, signal }: StartDeps): Promise<void> {
  try {
    const removed = await bucket.removeUnfinished(`${prefix}/`, {
      olderThanMs: UNFINISHED_AGE_MS,
      isOurs: isUploadOfOurs,
      signal,
    });
    if (removed > 0) logger.info('removed uploads that never ended', { removed });
  } catch (error) {
    throwIfAborted(signal);
    logger.warn('uploads that never ended could not be looked for', { error });
  }
}

function newStream(settings: CaptureSettings, { id, topology }: SourceIdentity): NewStream {
  const { stream, lanes, format, codec, include, exclude, images } = settings;
  return { stream, source: id, sourceTopology: topology, lanes, format, codec, include, exclude, images };
}

/**
 * Where a stream goes on that leaves out more than before, if not where it was: its token may be of
 * an event that it does not show any more, and the events taken at that time are no longer those
 * that would come. So it starts with all of that time, and what was captured of it comes twice,
 * which ends in the same documents.
 */
function positionBehind(
  state: StreamState,
  identity: StreamIdentity,
  { exclude }: CaptureSettings,
  hash: string,
): StreamPosition | null {
  if (excludesAll(streamPatterns(identity, state).exclude, exclude) || state.position?.options === hash)
    return null;
  return { clusterTime: positionOf(state, hash).clusterTime, resumeToken: null, taken: 0, lastEvent: null };
}

/** Opens the change stream and tells where it begins: every change from here on will be seen. */
async function openStream(
  stream: StreamOptions,
  settings: CaptureSettings,
  { source, logger, signal }: StartDeps,
): Promise<StreamPosition> {
  await using reader = new ChangeStreamReader({
    connection: source,
    stream,
    start: { at: 'now' },
    lastEvent: null,
    awaitMs: settings.maxAwaitMs,
    logger,
    signal,
  });
  const { token, time, operationTime } = await reader.next();
  const clusterTime = time ?? operationTime;
  if (clusterTime === null) {
    throw new WaybillError('SOURCE_UNSUPPORTED', 'the source tells no cluster time with its change stream', {
      hint: 'Sources are replica sets and sharded clusters of MongoDB 4.0.7 or later.',
    });
  }
  return { clusterTime, resumeToken: token, taken: 0, lastEvent: null };
}

function startAt(position: StreamPosition, tokenFits: boolean): StreamStart {
  const { clusterTime, resumeToken } = position;
  return tokenFits && resumeToken !== null
    ? { at: 'token', token: resumeToken }
    : { at: 'time', time: clusterTime };
}

function committed({ clusterTime, resumeToken }: StreamPosition, options: string) {
  return {
    clusterTime: formatClusterTime(clusterTime),
    resumeToken: resumeToken === null ? null : Buffer.from(resumeToken).toString('base64'),
    options,
  };
}

/** What options other than its own show of the last event's time is not known. */
function positionOf(state: StreamState, hash: string): StreamPosition {
  const { position } = state;
  const clusterTime = position ? parseClusterTime(position.clusterTime) : undefined;
  if (!position || clusterTime === undefined) {
    throw new WaybillError('INTERNAL', 'a stream has an owner and no position');
  }
  const { resumeToken, taken = 0, lastEvent = '' } = position;
  return {
    clusterTime,
    resumeToken: resumeToken === null ? null : Buffer.from(resumeToken, 'base64'),
    taken,
    lastEvent: (position.options === hash && parseClusterTime(lastEvent)) || null,
  };
}

/** The milestone comes with the last of them: where it stands, all of them do. */
async function commitDefinitions(
  definitions: readonly CollectionDefinition[],
  committer: Committer,
  position: StreamPosition,
  allowEmpty: boolean,
): Promise<void> {
  const all = [...pieces(definitions, DEFINITIONS_IN_COMMIT)];
  const last = all.pop() ?? [];
  for (const collections of all) await committer.commit({ collections });
  const started = milestone('snapshot-started', position.clusterTime, committer.state.lastSequence, {
    collections: definitions.length,
    ...(allowEmpty && { allowEmpty }),
  });
  await committer.commit({ ...(last.length > 0 && { collections: last }), milestones: [started] });
}
