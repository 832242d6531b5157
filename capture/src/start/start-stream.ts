/**
 * How a capture begins: with a new stream, or with one to go on with.
 *
 *   new:      open the change stream (T0) → list collections → stream.json → epoch and position T0
 *             → definitions, snapshot-started
 *   resumed:  compare stream.json → the source still holds the position's history → epoch →
 *             position, unfinished chunks
 *
 * Nothing is written before a new stream is known to be possible. A crash after stream.json, or
 * after the position, leaves a stream without `snapshot-started`. The next start goes on from the
 * position T0 in the manifest, lists again, and maps the names back to that T0.
 */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { type ClusterTime, formatClusterTime } from '@waybill/shared/base/position';
import { processIdentity } from '@waybill/shared/base/process-identity';
import { retry } from '@waybill/shared/base/retry';
import type { CollectionDefinition, CommitBody, StreamIdentity } from '@waybill/shared/manifest/commit';
import { createStream } from '@waybill/shared/manifest/identity';
import { readManifest } from '@waybill/shared/manifest/log';
import { encodePosition, type StreamPosition, timeOf } from '@waybill/shared/manifest/position';
import { milestoneOf, type StreamState } from '@waybill/shared/manifest/state';
import { excludeEvidence } from '@waybill/shared/manifest/stream-patterns';
import { ManifestWriter } from '@waybill/shared/manifest/writer';
import type { NamespaceFilter } from '@waybill/shared/mongo/facts/namespace-filter';
import { discover } from '../catalog/discovery.ts';
import { checkPatterns, PatternWatch } from '../catalog/patterns.ts';
import { bucketRetryNotice } from '../commit/bucket-retry.ts';
import { Committer } from '../commit/committer.ts';
import { milestone } from '../commit/milestone.ts';
import { assertSameHistory } from '../source/history.ts';
import { sourceTime } from '../source/source-clock.ts';
import type { StreamOptions, StreamStart } from '../source/stream-options.ts';
import { commitDefinitions, openNow } from './beginning.ts';
import type { StartDeps } from './deps.ts';
import { tellWhatIsTakenForProgress } from './earlier-stream.ts';
import { removeLeftovers } from './leftovers.ts';
import { assertOnlyStream } from './other-streams.ts';
import { untilOwnerIsGone } from './owner.ts';
import { positionBehind, positionOf, startAt } from './resume.ts';
import { assertExcludesAsMuch, assertSame } from './same-stream.ts';
import type { CaptureSettings } from './settings.ts';
import { planStream, type StreamPlan } from './stream-plan.ts';

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

/** A change stream that was opened for a stream without a position. */
interface Opened {
  readonly position: StreamPosition;
  readonly definitions: readonly CollectionDefinition[];
}

/**
 * Errors: STREAM_FOREIGN_SOURCE, STREAM_OPTIONS_CHANGED, STREAM_BESIDE_OTHERS, STREAM_IN_USE,
 * CONFIG_PATTERN_UNMATCHED, SOURCE_*, MONGO_*, MANIFEST_*, BUCKET_*.
 */
export async function startStream(settings: CaptureSettings, deps: StartDeps): Promise<StartedStream> {
  const { bucket, logger, signal, stats, giveUp } = deps;
  const plan = await planStream(settings, deps);
  const { prefix, filter, hash } = plan;
  const before = await assertCanGoOn(plan, settings, deps);
  const opened = before?.position ? null : await openAndList(plan, settings, deps);
  const identity = plan.existing ?? (await createStream(bucket, prefix, plan.wanted, { signal }));
  assertSame(identity, plan.wanted, plan.cluster);

  const log = before ?? (await readManifest(bucket, prefix, { signal }));
  await untilOwnerIsGone(log, settings, { bucket, prefix, logger, signal });
  const writer = await acquire(plan, identity, opened, settings, deps);
  const patterns = new PatternWatch(filter, logger);
  const committer = new Committer({ writer, stats, logger, optionsHash: hash, patterns, giveUp });
  const { state } = writer;
  const position = positionOf(state, hash);
  const tokenFits = state.position?.options === hash;
  const start = startAt(position, tokenFits);
  const isNew = milestoneOf(state, 'snapshot-started') === undefined;
  if (isNew) {
    const isOurs = position.clusterTime === opened?.position.clusterTime;
    const definitions = isOurs ? opened.definitions : await list(start, plan, settings, deps);
    await commitDefinitions(definitions, committer, position, settings.allowEmpty);
  } else patterns.look(state.currentCollections);
  const t0 = timeOf(milestoneOf(writer.state, 'snapshot-started')) ?? position.clusterTime;
  stats.watermark = position.clusterTime;
  stats.sequence = state.lastSequence;
  logger.info(isNew ? 'new stream' : 'stream goes on', {
    stream: settings.stream,
    epoch: writer.epoch,
    position: formatClusterTime(position.clusterTime),
    ...(!isNew && { sequence: state.lastSequence }),
  });
  await removeLeftovers(prefix, deps);
  if (!tokenFits)
    logger.warn('the change stream has other options than before, so it starts at its cluster time');
  const { options } = plan;
  return { identity, prefix, filter, options, writer, committer, t0, position, start, isNew };
}

/**
 * The stream may be created, or is ours to go on with and the source still holds its history. Gives
 * the manifest of a stream that exists.
 */
async function assertCanGoOn(
  { existing, wanted, cluster, prefix, options, hash }: StreamPlan,
  settings: CaptureSettings,
  deps: StartDeps,
): Promise<StreamState | null> {
  const { bucket, source, logger, signal } = deps;
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
  return before;
}

/** Lists at once: it shows whether everything can be captured before anything is written. */
async function openAndList(plan: StreamPlan, settings: CaptureSettings, deps: StartDeps): Promise<Opened> {
  const position = await openNow(plan.options, settings.maxAwaitMs, deps);
  const definitions = await list(startAt(position, true), plan, settings, deps);
  const { filter, existing } = plan;
  if (!existing) await checkPatterns(definitions, { ...deps, filter, allowEmpty: settings.allowEmpty });
  return { position, definitions };
}

function list(
  start: StreamStart,
  { filter, options: stream }: StreamPlan,
  { timeSeries }: CaptureSettings,
  { source: connection, logger, signal }: StartDeps,
): Promise<CollectionDefinition[]> {
  return discover(start, { connection, filter, stream, timeSeries, logger, signal });
}

/** Takes the epoch. A new stream gets its position with it. */
function acquire(
  { prefix, hash }: StreamPlan,
  identity: StreamIdentity,
  opened: Opened | null,
  { exclude }: CaptureSettings,
  deps: StartDeps,
): Promise<ManifestWriter> {
  const body = (state: StreamState): CommitBody => {
    assertExcludesAsMuch(identity, state, exclude);
    const begun = opened?.position ?? null;
    const from = state.position ? positionOf(state, hash) : begun;
    const position = state.position ? positionBehind(state, identity, exclude, hash) : begun;
    const started = milestone('capture-started', from?.clusterTime ?? null, state.lastSequence, {
      process: processIdentity(),
      ...excludeEvidence(identity, exclude),
    });
    return { ...(position && { position: encodePosition(position, hash) }), milestones: [started] };
  };
  return ManifestWriter.acquire({
    bucket: deps.bucket,
    prefix,
    writer: `${hostname()}/${process.pid}/${randomBytes(4).toString('hex')}`,
    body,
    signal: deps.signal,
    onRetry: bucketRetryNotice(deps),
  });
}
