/**
 * Progress of a verification: a line that redraws itself on a terminal, log lines every ten seconds
 * elsewhere.
 */
import type { VerifyStats } from '@waybill/load/verify/settings';
import type { Logger } from '@waybill/shared/base/logger';
import { firstThatFits } from './fit.ts';
import { LiveLines } from './live-lines.ts';
import { drawBar } from './progress.ts';
import { RateMeter } from './rate.ts';
import type { Terminal } from './terminal.ts';
import { formatBytes, formatCount, formatDuration, formatRate, formatShortCount } from './units.ts';

const LOG_MS = 10_000;

/** Disposing twice is fine. */
export function showComparing(stats: VerifyStats, logger: Logger, terminal: Terminal): Disposable {
  const rate = new RateMeter();
  if (terminal.canRedraw)
    return new LiveLines(terminal, [(columns) => comparingLine(stats, rate, performance.now(), columns)]);
  const timer = setInterval(() => {
    if (stats.collection === '') return;
    logger.info('comparing', {
      collection: stats.collection,
      documents: stats.documents,
      documentsTotal: stats.documentsTotal,
      bytes: stats.bytes,
      bytesTotal: stats.bytesTotal,
      suspects: stats.suspects,
      rechecking: stats.rechecking,
    });
  }, LOG_MS);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** `now` is in milliseconds of a monotonic clock. */
export function comparingLine(
  stats: VerifyStats,
  rate: RateMeter,
  now: number,
  columns = Number.POSITIVE_INFINITY,
): string {
  if (stats.collection === '') return '';
  rate.add(now, stats.bytes);
  const perSecond = rate.perSecond();
  const total = Math.max(stats.bytes, stats.bytesTotal);
  const left = total - stats.bytes;
  const share = total > 0 ? stats.bytes / total : 1;
  const most = Math.max(stats.documents, stats.documentsTotal);
  const rest: string[] = [];
  if (left > 0 && perSecond > 0) rest.push(`${formatDuration((left / perSecond) * 1000)} left`);
  if (stats.rechecking > 0) rest.push(`looking again at ${formatCount(stats.rechecking)}`);
  const documents = `${formatCount(stats.documents)}/${formatCount(most)} documents`;
  const short = `${formatShortCount(stats.documents)}/${formatShortCount(most)}`;
  const speed = formatRate(perSecond);
  return firstThatFits(columns, [
    ['verify ', drawBar(share), documents, `${formatBytes(stats.bytes)} at ${speed}`, ...rest],
    ['verify ', drawBar(share, 10), documents, speed, ...rest],
    ['verify ', drawBar(share, 10), short, speed, ...rest],
    ['verify ', drawBar(share, 0), speed, ...rest],
  ]);
}
