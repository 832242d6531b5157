/** Progress of a verification: a line that redraws itself on a terminal, log lines every ten seconds elsewhere. */
import type { VerifyStats } from '@waybill/load/verify/settings';
import type { Logger } from '@waybill/shared/logger';
import { drawBar, drawLines } from './progress.ts';
import { RateMeter } from './rate.ts';
import type { Terminal } from './terminal.ts';
import { formatBytes, formatCount, formatDuration, formatRate } from './units.ts';

const LOG_MS = 10_000;

/** Disposing twice is fine. */
export function showComparing(stats: VerifyStats, logger: Logger, terminal: Terminal): Disposable {
  const rate = new RateMeter();
  if (terminal.canRedraw) return drawLines(terminal, [() => comparingLine(stats, rate, performance.now())]);
  const timer = setInterval(() => {
    if (stats.collection === '') return;
    logger.info('comparing', {
      collection: stats.collection,
      documents: `${formatCount(stats.documents)}/${formatCount(stats.documentsTotal)}`,
      bytes: formatBytes(stats.bytes),
      suspects: stats.suspects,
      rechecking: stats.rechecking,
    });
  }, LOG_MS);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** `now` in milliseconds of a monotonic clock. */
export function comparingLine(stats: VerifyStats, rate: RateMeter, now: number): string {
  if (stats.collection === '') return '';
  rate.add(now, stats.bytes);
  const perSecond = rate.perSecond();
  const total = Math.max(stats.bytes, stats.bytesTotal);
  const left = total - stats.bytes;
  const parts = [
    'verify ',
    drawBar(total > 0 ? stats.bytes / total : 1),
    `${formatCount(stats.documents)}/${formatCount(Math.max(stats.documents, stats.documentsTotal))} documents`,
    `${formatBytes(stats.bytes)} at ${formatRate(perSecond)}`,
  ];
  if (left > 0 && perSecond > 0) parts.push(`${formatDuration((left / perSecond) * 1000)} left`);
  if (stats.rechecking > 0) parts.push(`looking again at ${formatCount(stats.rechecking)}`);
  return parts.join('  ');
}
