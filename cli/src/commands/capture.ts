import { runCapture } from '@waybill/capture/capture';
import { observeCapture } from '@waybill/shared/base/metrics';
import { createCaptureStats } from '@waybill/shared/base/stats';
import { showProgress } from '../output/progress.ts';
import type { CommandContext } from './command.ts';
import { Services } from './services.ts';
import { captureSettings, untilOf } from './settings.ts';
import { printSummaries, summarize } from './summary.ts';

export async function runCaptureCommand(context: CommandContext): Promise<number> {
  const { options, signal, output } = context;
  const until = untilOf(options, 'capture') ?? 'stopped';
  const settings = captureSettings(options, until);
  await using services = new Services(context);
  const bucket = await services.writableBucket();
  const source = await services.source();
  const { metrics } = services;
  const stats = createCaptureStats();
  observeCapture(metrics, stats);
  await services.serveMetrics(stats);
  const logger = context.logger.child({ component: 'capture' });
  const progress = showProgress({ stats: [stats], logger: context.logger, terminal: output.terminal });
  try {
    const { ended } = await runCapture(settings, { bucket, source, logger, metrics, stats, signal });
    progress[Symbol.dispose]();
    printSummaries(context, [summarize(context, stats, ended)]);
  } finally {
    progress[Symbol.dispose]();
  }
  return 0;
}
