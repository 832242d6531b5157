/**
 * A load: one stream into one target. In order: take the load over (its log, then the target),
 * snapshot, indexes, changes. Every step asks the target what is done already, so a load that was
 * killed anywhere goes on there.
 */
import { WaybillError } from '@waybill/shared/base/errors';
import { LinkedAbort } from '@waybill/shared/base/lifecycle';
import { DEFAULT_RETRY, type RetryOptions, retry } from '@waybill/shared/base/retry';
import { noteBucketFailure } from '@waybill/shared/base/stats';
import { StopGrace } from '@waybill/shared/base/stop-grace';
import type { StreamIdentity } from '@waybill/shared/manifest/commit';
import { readStream } from '@waybill/shared/manifest/identity';
import { loadPrefix, streamPrefix } from '@waybill/shared/manifest/keys';
import { readManifest } from '@waybill/shared/manifest/log';
import { streamPatterns } from '@waybill/shared/manifest/stream-patterns';
import { settleMapping } from './mapping/settle-mapping.ts';
import { Ownership } from './progress/ownership.ts';
import { streamIdentityText } from './progress/stream-identity.ts';
import { whatTookOver } from './progress/successor.ts';
import { troubleFields } from './progress/trouble.ts';
import { paceFields } from './rate/told-pace.ts';
import type { LoadDeps, LoadResult } from './run/load-deps.ts';
import { runTaken, serveTaken } from './run/load-run.ts';
import type { EndedRun, LoadRunDeps } from './run/run-context.ts';
import { assertStartable } from './run/start.ts';
import { takeLog } from './run/take-log.ts';
import { recordedFilter, settleFilter } from './settings/load-filter.ts';
import type { LoadSettings } from './settings/load-settings.ts';
import { awaitStream } from './source/await-stream.ts';
import { RetryingBucket } from './source/retrying-bucket.ts';
import { tellNotWritten } from './target/not-written.ts';
import type { ProgressStore } from './target/progress-store.ts';
import type { LoadTarget } from './target/target.ts';

/**
 * @throws STREAM_MISSING, LOAD_FOREIGN, LOAD_OTHER_TARGET, LOAD_FENCED, LOAD_CUT_OVER,
 *   LOAD_OPTIONS_CHANGED, TARGET_*, SEGMENT_CORRUPT, MANIFEST_CORRUPT, FORMAT_UNSUPPORTED, …
 */
export async function runLoad(settings: LoadSettings, deps: LoadDeps): Promise<LoadResult> {
  const { signal, stats } = deps;
  const logger = deps.logger.child({ component: 'load', stream: settings.stream, load: settings.load });
  const onReadAgain = retryNotice({ ...deps, logger });
  const bucket = new RetryingBucket(deps.bucket, onReadAgain);
  stats.phase = 'starting';
  const identity = await awaitStream(bucket, settings, { logger, signal });
  const owned = { ...deps, bucket, logger, onReadAgain };
  for (;;) {
    const { result, fenced, store } = await runOwned(settings, owned, identity);
    if (!fenced) return result;
    logger.info('this process does not own the load any more');
    const { stream, load, leaseMs } = settings;
    const succession = await whatTookOver({
      bucket: deps.bucket,
      loadPrefix: loadPrefix(stream, load),
      store,
      load,
      silentMs: 2 * leaseMs,
      signal,
    });
    if (succession === 'load') throw fenced;
    if (succession !== 'given-up') {
      logger.info(succession === 'stopped' ? 'load stopped on request' : 'load ends: it has been cut over');
      return { ...result, outcome: succession };
    }
    logger.warn('the cutover that had taken the load over was given up; the load goes on');
    stats.phase = 'starting';
  }
}

/**
 * Takes the load over, does what operators ask about its dead letters, and gives it up. False where
 * another process took it over meanwhile.
 * @throws like {@link runLoad}
 */
export async function serveLetters(settings: LoadSettings, deps: LoadDeps): Promise<boolean> {
  const onReadAgain = retryNotice(deps);
  const bucket = new RetryingBucket(deps.bucket, onReadAgain);
  const identity = await readStream(bucket, streamPrefix(settings.stream), deps);
  const ended = await runOwned(settings, { ...deps, bucket, onReadAgain }, identity, serveTaken);
  return ended.fenced === undefined;
}

/**
 * Takes the load over and runs it, until it ends or somebody else has it. `store` holds its
 * progress.
 */
async function runOwned(
  settings: LoadSettings,
  deps: LoadRunDeps,
  identity: StreamIdentity,
  run: typeof runTaken = runTaken,
): Promise<EndedRun & { readonly store: ProgressStore }> {
  const { logger, onReadAgain: onRetry, signal, stats } = deps;
  const stream = await readManifest(deps.bucket, streamPrefix(settings.stream), { onRetry, signal });
  const patterns = streamPatterns(identity, stream);
  const sight = await assertStartable(settings, { ...deps, identity, stream });
  const { progressDatabase } = sight;
  const open = (): Promise<LoadTarget> => deps.target.forLoad({ ...settings, progressDatabase, signal });
  const target = await retry(open, DEFAULT_RETRY, { signal, onRetry: tellNotWritten(logger) });
  using grace = new StopGrace(signal);
  const toTake = { ...deps, identity, giveUp: grace.signal };
  const { log, bond } = await takeLog(settings, toTake, sight);
  const ownership = await Ownership.acquire(
    { ...settings, stream: streamIdentityText(identity), bond: bond.key, epoch: log.epoch },
    {
      target,
      logger,
      signal,
      says: () => ({ ...troubleFields(stats.trouble), ...paceFields(stats.pace) }),
    },
  );
  try {
    using stop = new LinkedAbort(signal, ownership.fenced);
    // Again: another first start may have come in between. From here on nobody else records a
    // filter or a mapping.
    const filter = settleFilter(settings, recordedFilter(log.state), identity, settings.load, patterns);
    const mapping = settleMapping(settings.map, log.state, settings);
    const taken = { identity, filter, mapping, target, log, ownership };
    const ended = await run(settings, { ...deps, signal: stop.signal }, taken);
    return { ...ended, store: deps.target.progress(progressDatabase) };
  } finally {
    stats.phase = 'done';
    await ownership.release();
    await log.close();
  }
}

function retryNotice({ stats, metrics, logger }: LoadDeps): RetryOptions['onRetry'] {
  return (error, tries, delayMs) => {
    stats.retries++;
    noteBucketFailure(stats, delayMs);
    metrics.retries.inc({ code: error instanceof WaybillError ? error.code : 'INTERNAL' });
    logger.warnThrottled('a read from the bucket is tried again', { err: error, attempt: tries, delayMs });
  };
}
