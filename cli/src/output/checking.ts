/**
 * Progress of a check: a line that redraws itself on a terminal, log lines every ten seconds
 * elsewhere.
 */
import type { FsckStats } from '@waybill/audit/fsck/stats';
import type { Logger } from '@waybill/shared/base/logger';
import { firstThatFits } from './fit.ts';
import { LiveLines } from './live-lines.ts';
import { drawBar } from './progress.ts';
import { RateMeter } from './rate.ts';
import type { Terminal } from './terminal.ts';
import { formatBytes, formatCount, formatDuration, formatRate } from './units.ts';

const LOG_MS = 10_000;

export function showChecking(
  stats: FsckStats,
  deep: boolean,
  logger: Logger,
  terminal: Terminal,
): Disposable {
  const rate = new RateMeter();
  if (terminal.canRedraw) {
    return new LiveLines(terminal, [
      (columns) => checkingLine(stats, deep, rate, performance.now(), columns),
    ]);
  }
  const timer = setInterval(() => {
    logger.info('checking', {
      commits: stats.commits,
      commitsTotal: stats.commitsTotal,
      ...(deep && { bytes: stats.bytes, bytesTotal: stats.bytesTotal, records: stats.records }),
    });
  }, LOG_MS);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/**
 * `now` is in milliseconds of a monotonic clock. A deep check spends its time on reading files, so
 * the share counts bytes; otherwise it counts commits.
 */
export function checkingLine(
  stats: FsckStats,
  deep: boolean,
  rate: RateMeter,
  now: number,
  columns = Number.POSITIVE_INFINITY,
): string {
  const { commits, commitsTotal, bytes, bytesTotal } = stats;
  const [done, total] = deep ? [bytes, bytesTotal] : [commits, commitsTotal];
  rate.add(now, done);
  const perSecond = rate.perSecond();
  const share = total > 0 ? done / total : 0;
  const speed = formatRate(perSecond);
  const read = deep ? [`${formatBytes(bytes)} at ${speed}`, `${formatCount(stats.records)} records`] : [];
  const left =
    perSecond > 0 && done < total ? [`${formatDuration(((total - done) / perSecond) * 1000)} left`] : [];
  const counted = `${formatCount(commits)}/${formatCount(commitsTotal)} commits`;
  return firstThatFits(columns, [
    ['fsck ', drawBar(share), counted, ...read, ...left],
    ['fsck ', drawBar(share, 10), counted, ...(deep ? [speed] : []), ...left],
    ['fsck ', drawBar(share, 0), ...(deep ? [speed] : []), ...left],
  ]);
}
