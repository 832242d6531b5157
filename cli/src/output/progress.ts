/**
 * Progress of long work: lines that redraw themselves on a terminal, log lines every ten seconds
 * elsewhere. A timer feeds them from the stats; the work does not know of it.
 */
import type { Logger } from '@waybill/shared/base/logger';
import type { CaptureStats, LoadStats } from '@waybill/shared/base/stats';
import { ActivityMeter, activityFields, activityLine } from './activity.ts';
import { LiveLines } from './live-lines.ts';
import type { Terminal } from './terminal.ts';

const LOG_MS = 10_000;
const BAR_WIDTH = 24;

export interface ProgressSettings {
  readonly stats: readonly (CaptureStats | LoadStats)[];
  readonly logger: Logger;
  readonly terminal: Terminal;
}

/** Disposing twice is fine. */
export function showProgress(settings: ProgressSettings): Disposable {
  const meters = settings.stats.map((stats) => new ActivityMeter(stats));
  if (!settings.terminal.canRedraw) return logLines(meters, settings);
  const line = (meter: ActivityMeter) => (columns: number) =>
    activityLine(meter.sample(performance.now()), { columns, bar: drawBar });
  return new LiveLines(settings.terminal, meters.map(line));
}

function logLines(meters: readonly ActivityMeter[], { logger, stats }: ProgressSettings): Disposable {
  for (const meter of meters) meter.sample(performance.now());
  const timer = setInterval(() => {
    meters.forEach((meter, index) => {
      const activity = meter.sample(performance.now());
      logger.child({ component: stats[index]!.kind }).info('progress', activityFields(activity));
    });
  }, LOG_MS);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

export function drawBar(share: number, width = BAR_WIDTH): string {
  const part = Math.min(1, Math.max(0, share));
  const filled = Math.round(part * width);
  const percentage = `${String(Math.floor(part * 100)).padStart(3)} %`;
  return width === 0 ? percentage : `${'█'.repeat(filled)}${'░'.repeat(width - filled)} ${percentage}`;
}
