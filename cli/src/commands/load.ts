import { runLoad } from '@waybill/load/load';
import { observeLoad } from '@waybill/shared/base/metrics';
import { createLoadStats } from '@waybill/shared/base/stats';
import { showProgress } from '../output/progress.ts';
import type { CommandContext } from './command.ts';
import { Services } from './services.ts';
import { loadSettings, untilOf } from './settings.ts';
import { printSummaries, summarize } from './summary.ts';
import { ShownPlan } from './target-plan.ts';

export async function runLoadCommand(context: CommandContext): Promise<number> {
  const { options, signal, output } = context;
  const until = untilOf(options, 'load');
  const { include, exclude } = options;
  const settings = loadSettings(options, { until: until ?? null, include, exclude });
  await using services = new Services(context);
  const bucket = await services.writableBucket();
  const target = await services.target();
  const { metrics } = services;
  const stats = createLoadStats();
  observeLoad(metrics, stats);
  await services.serveMetrics(stats);
  const logger = context.logger.child({ component: 'load' });
  const shown = new ShownPlan(context);
  const progress = showProgress({ stats: [stats], logger: context.logger, terminal: output.terminal });
  try {
    const onTarget = shown.show;
    const loaded = await runLoad(settings, { bucket, target, logger, metrics, stats, signal, onTarget });
    progress[Symbol.dispose]();
    printSummaries(context, [summarize(context, stats, loaded.outcome, { ...loaded, target: shown.plan })]);
  } finally {
    progress[Symbol.dispose]();
  }
  return 0;
}
