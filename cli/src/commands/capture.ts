import { observeCapture } from '@waybill/shared/metrics';
import { createCaptureStats } from '@waybill/shared/stats';
import { showProgress } from '../output/progress.ts';
import type { Command, CommandContext } from './command.ts';
import { importCapture } from './parts.ts';
import { Services, untilStopped } from './services.ts';
import { captureSettings, untilOf } from './settings.ts';
import { printSummaries, summarize } from './summary.ts';

export const captureCommand: Command = {
  name: 'capture',
  describe: 'Write the snapshot and all changes of a source into a bucket.',
  examples: [
    [
      '$0 capture --source env:SOURCE --bucket /data/waybill',
      'copy everything and follow changes until stopped',
    ],
    [
      '$0 capture --source env:SOURCE --bucket /data/waybill --include shop --until caught-up',
      'one database, then stop',
    ],
  ],
  stopsCleanly: true,
  run: runCaptureCommand,
};

async function runCaptureCommand(context: CommandContext): Promise<number> {
  const { options, logger, signal, output } = context;
  const until = untilOf(options, 'capture', ['snapshot-completed', 'caught-up']);
  const settings = captureSettings(options, until ?? 'stopped');
  await using services = new Services(context);
  const bucket = await services.writableBucket();
  const source = await services.connect('source');
  const { runCapture } = await importCapture();
  const stats = createCaptureStats();
  observeCapture(services.metrics, stats);
  await services.serveMetrics(stats);
  {
    using _progress = showProgress({ stats: [stats], logger, terminal: output.terminal });
    const { metrics } = services;
    await untilStopped(
      signal,
      runCapture(settings, {
        bucket,
        source,
        logger: logger.child({ component: 'capture' }),
        metrics,
        stats,
        signal,
      }),
    );
  }
  printSummaries(context, [summarize(context, stats, signal.aborted ? 'stopped' : (until ?? 'ended'))]);
  return 0;
}
