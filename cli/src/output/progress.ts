/**
 * Progress of long work: lines that redraw themselves on a terminal, log lines every ten seconds
 * elsewhere. Fed from the stats by a timer; the work does not know of it.
 */
import type { Logger } from '@waybill/shared/base/logger';
import type { CaptureStats, LoadStats } from '@waybill/shared/base/stats';
import { MultiBar } from 'cli-progress';
import { ActivityMeter, activityFields, activityLine } from './activity.ts';
import type { Terminal } from './terminal.ts';

const REDRAW_MS = 250;
const LOG_MS = 10_000;
const BAR_WIDTH = 24;
const DEFAULT_COLUMNS = 80;
const CLEAR_BELOW = '\u001b[J';

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
  return drawLines(settings.terminal, meters.map(line));
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

/**
 * Lines that redraw themselves, on a terminal that can; log lines go above them, whole. Each text
 * is told how many columns there are, and is cut there. Disposing twice is fine.
 */
export function drawLines(terminal: Terminal, texts: readonly ((columns: number) => string)[]): Disposable {
  const lines = new MultiBar({
    stream: terminal.stream,
    clearOnComplete: true,
    hideCursor: true,
    noTTYOutput: false,
    // Signals are ours: see stopSignal.
    gracefulExit: false,
    // Lines of ours are cut to fit. The terminal goes on wrapping, or log lines would lose their
    // ends.
    linewrap: true,
    format: (_options, _parameters, payload: { line: string }) => payload.line,
  });
  const bars = texts.map(() => lines.create(1, 0, { line: '' }));
  const redraw = (): void => {
    // One less: some terminals wrap with the last column.
    const columns = (terminal.stream.columns || DEFAULT_COLUMNS) - 1;
    for (const [index, text] of texts.entries())
      bars[index]!.update({ line: text(columns).slice(0, columns) });
  };
  redraw();
  const timer = setInterval(redraw, REDRAW_MS);
  timer.unref();
  // A log line of two rows would end over what is left of a line of ours.
  terminal.attach((line) => lines.log(`${CLEAR_BELOW}${line}`));
  let drawn = true;
  return {
    [Symbol.dispose]: () => {
      if (!drawn) return;
      drawn = false;
      clearInterval(timer);
      terminal.detach();
      // Log lines wait for the next redraw, and stopping would drop them.
      lines.update();
      lines.stop();
    },
  };
}

export function drawBar(share: number, width = BAR_WIDTH): string {
  const part = Math.min(1, Math.max(0, share));
  const filled = Math.round(part * width);
  const percentage = `${String(Math.floor(part * 100)).padStart(3)} %`;
  return width === 0 ? percentage : `${'█'.repeat(filled)}${'░'.repeat(width - filled)} ${percentage}`;
}
