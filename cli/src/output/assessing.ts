/**
 * Progress of an assessment: a line that redraws itself on a terminal, log lines every ten seconds
 * elsewhere.
 */
import type { AssessStats } from '@waybill/load/assess/settings';
import type { Logger } from '@waybill/shared/base/logger';
import { firstThatFits } from './fit.ts';
import { LiveLines } from './live-lines.ts';
import { drawBar } from './progress.ts';
import { RateMeter } from './rate.ts';
import type { Terminal } from './terminal.ts';
import { formatBytes, formatCount, formatRate } from './units.ts';

const LOG_MS = 10_000;

export function showAssessing(stats: AssessStats, logger: Logger, terminal: Terminal): Disposable {
  const rate = new RateMeter();
  if (terminal.canRedraw) {
    return new LiveLines(terminal, [(columns) => assessingLine(stats, rate, performance.now(), columns)]);
  }
  const timer = setInterval(() => logger.info('assessing', { ...stats }), LOG_MS);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** `now` is in milliseconds of a monotonic clock. */
export function assessingLine(
  { documents, changedDocuments, bytes, bytesTotal }: AssessStats,
  rate: RateMeter,
  now: number,
  columns = Number.POSITIVE_INFINITY,
): string {
  rate.add(now, bytes);
  const share = bytesTotal > 0 ? Math.min(1, bytes / bytesTotal) : 0;
  const speed = formatRate(rate.perSecond());
  const looked = `${formatCount(documents + changedDocuments)} documents`;
  return firstThatFits(columns, [
    ['assess ', drawBar(share), looked, `${formatBytes(bytes)} at ${speed}`],
    ['assess ', drawBar(share, 10), looked, speed],
    ['assess ', drawBar(share, 0), speed],
  ]);
}
