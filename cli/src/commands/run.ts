import type { Bucket } from '@waybill/shared/bucket/bucket';
import { hasCode } from '@waybill/shared/errors';
import { LinkedAbort, sleep } from '@waybill/shared/lifecycle';
import { readStream } from '@waybill/shared/manifest/identity';
import { streamPrefix } from '@waybill/shared/manifest/keys';
import { observeCapture, observeLoad } from '@waybill/shared/metrics';
import { createCaptureStats, createLoadStats } from '@waybill/shared/stats';
import { showProgress } from '../output/progress.ts';
import type { Command, CommandContext } from './command.ts';
import { importCapture, importLoad } from './parts.ts';
import { Services, untilStopped } from './services.ts';
import { captureSettings, loadSettings, untilOf } from './settings.ts';
import { printSummaries, summarize } from './summary.ts';

export const runCommand: Command = {
  name: 'run',
  describe: 'Capture and load in one process.',
  examples: [
    ['$0 run -c waybill.yaml', 'source, bucket, target and everything else from a file'],
    [
      '$0 run --source env:SOURCE --bucket /data/waybill --target env:TARGET --until caught-up',
      'a copy as of now',
    ],
  ],
  stopsCleanly: true,
  run: runBoth,
};

async function runBoth(context: CommandContext): Promise<number> {
  const { options, logger, signal, output } = context;
  const until = untilOf(options, 'run', ['snapshot-applied', 'caught-up']);
  const toCapture = captureSettings(
    options,
    until === 'snapshot-applied' ? 'snapshot-completed' : (until ?? 'stopped'),
  );
  const toLoad = loadSettings(options, until ?? null);
  await using services = new Services(context);
  const bucket = await services.writableBucket();
  const source = await services.connect('source');
  const target = await services.connect('target');
  const { runCapture } = await importCapture();
  const { runLoad } = await importLoad();
  const { metrics } = services;
  const capture = createCaptureStats();
  const load = createLoadStats();
  observeCapture(metrics, capture);
  observeLoad(metrics, load);
  await services.serveMetrics(capture, load);
  {
    using _progress = showProgress({ stats: [capture, load], logger, terminal: output.terminal });
    const both = together(signal, [
      (both) =>
        runCapture(toCapture, {
          bucket,
          source,
          logger: logger.child({ component: 'capture' }),
          metrics,
          stats: capture,
          signal: both,
        }),
      async (both) => {
        await streamExists(bucket, options.stream, both);
        return runLoad(toLoad, {
          bucket,
          target,
          logger: logger.child({ component: 'load' }),
          metrics,
          stats: load,
          signal: both,
        });
      },
    ]);
    await untilStopped(signal, both);
  }
  const ended = signal.aborted ? 'stopped' : (until ?? 'ended');
  printSummaries(context, [summarize(context, capture, ended), summarize(context, load, ended)]);
  return 0;
}

/** Runs all side by side; when one fails the others are stopped, cleanly, and its error is the one that counts. */
async function together(
  signal: AbortSignal,
  works: readonly ((signal: AbortSignal) => Promise<unknown>)[],
): Promise<void> {
  using both = new LinkedAbort(signal);
  let first: unknown;
  await Promise.all(
    works.map((work) =>
      work(both.signal).catch((error: unknown) => {
        first ??= error;
        both.abort();
      }),
    ),
  );
  if (first !== undefined) throw first;
}

const STREAM_POLL_MS = 100;

/** The capture beside us creates the stream; a load by itself would call a missing one an error. */
async function streamExists(bucket: Bucket, stream: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      await readStream(bucket, streamPrefix(stream), { signal });
      return;
    } catch (error) {
      if (!hasCode(error, 'STREAM_MISSING')) throw error;
    }
    await sleep(STREAM_POLL_MS, signal);
  }
}
