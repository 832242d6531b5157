/** What a log consists of, as its store lists it: the head, holes before it, checkpoints. Reads no object. */
import type { Bucket } from '../bucket/bucket.ts';
import { checkpointsPrefix, manifestPrefix, numberInKey } from '../manifest/keys.ts';

/** Commits that are not there, first and last included. */
export interface Gap {
  readonly first: number;
  readonly last: number;
}

export interface LogSurvey {
  /** `<stream>` or `<stream>/loads/<load>`. */
  readonly prefix: string;
  /** The last commit; 0 where there is none. */
  readonly head: number;
  readonly gaps: readonly Gap[];
  /** Numbers of the checkpoints, ascending. */
  readonly checkpoints: readonly number[];
}

/**
 * Checkpoints are listed before commits, so of a log that is being written each of them has its commit in the list, or has lost
 * it. What is committed after this is not of the check: the head is where it stood.
 */
export async function surveyLog(bucket: Bucket, prefix: string, signal?: AbortSignal): Promise<LogSurvey> {
  const checkpoints: number[] = [];
  for await (const { key } of bucket.list(checkpointsPrefix(prefix), { signal })) {
    const number = numberInKey(key);
    if (number !== undefined) checkpoints.push(number);
  }
  const gaps: Gap[] = [];
  let head = 0;
  for await (const { key } of bucket.list(manifestPrefix(prefix), { signal })) {
    const number = numberInKey(key);
    if (number === undefined) continue;
    if (number > head + 1) gaps.push({ first: head + 1, last: number - 1 });
    head = number;
  }
  return { prefix, head, gaps, checkpoints };
}

/** The highest number that this log must once have reached; above its head where its end is lost. */
export function reachedBefore({ head, checkpoints }: LogSurvey): number {
  return Math.max(head, checkpoints.at(-1) ?? 0);
}
