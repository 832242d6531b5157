import type { CaptureResult } from '@waybill/capture/capture';
import { assertTwoClusters } from '@waybill/load/progress/two-clusters';
import type { LoadResult } from '@waybill/load/run/load-deps';
import { LinkedAbort, sleep } from '@waybill/shared/base/lifecycle';
import { observeCapture, observeLoad } from '@waybill/shared/base/metrics';
import {
  type CaptureStats,
  createCaptureStats,
  createLoadStats,
  type LoadStats,
} from '@waybill/shared/base/stats';
import { showProgress } from '../output/progress.ts';
import type { CommandContext } from './command.ts';
import { Services } from './services.ts';
import { captureSettings, loadSettings, untilOf } from './settings.ts';
import { printSummaries, summarize } from './summary.ts';
import { ShownPlan } from './target-plan.ts';

export async function runBoth(context: CommandContext): Promise<number> {
  const { output } = context;
  await using services = new Services(context);
  const capture = createCaptureStats();
  const load = createLoadStats();
  const shown = new ShownPlan(context);
  const work = await prepare(context, services, capture, load, shown);
  const progress = showProgress({
    stats: [capture, load],
    logger: context.logger,
    terminal: output.terminal,
  });
  try {
    const [{ ended }, loaded] = await work();
    const { outcome } = loaded;
    progress[Symbol.dispose]();
    const loadEnded = outcome === 'stopped' && !context.signal.aborted ? ended : outcome;
    printSummaries(context, [
      summarize(context, capture, ended),
      summarize(context, load, loadEnded, { ...loaded, target: shown.plan }),
    ]);
  } finally {
    progress[Symbol.dispose]();
  }
  return 0;
}

async function prepare(
  context: CommandContext,
  services: Services,
  capture: CaptureStats,
  load: LoadStats,
  shown: ShownPlan,
): Promise<() => Promise<[CaptureResult, LoadResult]>> {
  const { options, logger, signal } = context;
  const until = untilOf(options, 'run');
  const toCapture = captureSettings(
    options,
    until === 'snapshot-applied' ? 'snapshot-completed' : (until ?? 'stopped'),
  );
  const toLoad = loadSettings(options, { until: until === 'snapshot-applied' ? until : null });
  const bucket = await services.writableBucket();
  const source = await services.source();
  const target = await services.target();
  await assertTwoClusters(source, target, signal);
  const [{ runCapture }, { runLoad }] = await Promise.all([
    import('@waybill/capture/capture'),
    import('@waybill/load/load'),
  ]);
  const { metrics } = services;
  observeCapture(metrics, capture);
  observeLoad(metrics, load);
  await services.serveMetrics(capture, load);
  const loading = {
    ...{ bucket, target, metrics, stats: load, onTarget: shown.show },
    logger: logger.child({ component: 'load' }),
  };

  return () =>
    together(signal, async (both, guard) => {
      using stopLoad = new LinkedAbort(both);
      const captured = runCapture(toCapture, {
        bucket,
        source,
        logger: logger.child({ component: 'capture' }),
        metrics,
        stats: capture,
        signal: both,
      });
      const loaded = ownsStream(capture, both).then(() =>
        runLoad(toLoad, { ...loading, signal: stopLoad.signal }),
      );
      const passed = captured.then(async ({ ended }) => {
        if (ended !== 'caught-up') return;
        await hasPassed(capture, load, stopLoad.signal);
        stopLoad.abort();
      });
      // Do not wait for a load that has ended by itself.
      const over = (): void => stopLoad.abort();
      loaded.then(over, over);
      const [first, second] = await Promise.all([guard(captured), guard(loaded), guard(passed)]);
      return [first, second];
    });
}

/**
 * Runs several parts at once. If one fails, the others are stopped cleanly, and the first error is
 * thrown.
 */
async function together<T>(
  signal: AbortSignal,
  work: (signal: AbortSignal, guard: <P>(part: Promise<P>) => Promise<P>) => Promise<T>,
): Promise<T> {
  using both = new LinkedAbort(signal);
  const parts: Promise<unknown>[] = [];
  const guard = <P>(part: Promise<P>): Promise<P> => {
    parts.push(part);
    part.catch(() => both.abort());
    return part;
  };
  try {
    return await work(both.signal, guard);
  } finally {
    // The caller closes connections and bucket next, so no part may still use them.
    await Promise.allSettled(parts);
  }
}

const POLL_MS = 100;

/**
 * Waits until our capture owns the stream. A load fences its predecessor at once, and a run whose
 * capture is still at work must not lose its load to ours.
 */
async function ownsStream(capture: CaptureStats, signal: AbortSignal): Promise<void> {
  while (capture.phase === 'starting') await sleep(POLL_MS, signal);
}

/**
 * Waits until the load has applied everything that the capture wrote. The capture has ended, so its
 * watermark is final. The load's own `caught-up` milestone may come from an earlier run.
 */
async function hasPassed(capture: CaptureStats, load: LoadStats, signal: AbortSignal): Promise<void> {
  const { watermark } = capture;
  const isBehind = (): boolean =>
    load.phase !== 'changes' ||
    load.sequence < capture.sequence ||
    (watermark !== null && (load.watermark === null || load.watermark < watermark));
  while (isBehind() && !signal.aborted) await sleep(POLL_MS, signal).catch(() => undefined);
}
