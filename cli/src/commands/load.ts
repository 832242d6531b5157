import { observeLoad } from '@waybill/shared/metrics';
import { createLoadStats } from '@waybill/shared/stats';
import { showProgress } from '../output/progress.ts';
import type { Command, CommandContext } from './command.ts';
import { importLoad } from './parts.ts';
import { Services, untilStopped } from './services.ts';
import { loadSettings, untilOf } from './settings.ts';
import { printSummaries, summarize } from './summary.ts';

export const loadCommand: Command = {
  name: 'load',
  describe: 'Apply a stream in a bucket to a target.',
  examples: [
    [
      '$0 load --bucket /data/waybill --target env:TARGET',
      'apply everything and follow the stream until stopped',
    ],
    ['$0 load --bucket /data/waybill --target env:TARGET --until caught-up --json', 'for scripts'],
  ],
  stopsCleanly: true,
  run: runLoadCommand,
};

async function runLoadCommand(context: CommandContext): Promise<number> {
  const { options, logger, signal, output } = context;
  const until = untilOf(options, 'load', ['snapshot-applied', 'caught-up', 'drained']);
  const settings = loadSettings(options, until ?? null);
  await using services = new Services(context);
  const bucket = await services.bucket();
  const target = await services.connect('target');
  const { runLoad } = await importLoad();
  const stats = createLoadStats();
  observeLoad(services.metrics, stats);
  await services.serveMetrics(stats);
  {
    using _progress = showProgress({ stats: [stats], logger, terminal: output.terminal });
    const { metrics } = services;
    await untilStopped(
      signal,
      runLoad(settings, {
        bucket,
        target,
        logger: logger.child({ component: 'load' }),
        metrics,
        stats,
        signal,
      }),
    );
  }
  printSummaries(context, [summarize(context, stats, signal.aborted ? 'stopped' : (until ?? 'ended'))]);
  return 0;
}
