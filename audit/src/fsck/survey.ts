/**
 * What a log consists of, as its store lists it: the head, holes before it, checkpoints. Reads no
 * object whole.
 */
import type { Bucket, ObjectInfo } from '@waybill/shared/bucket/bucket';
import { patientList } from '@waybill/shared/bucket/patient-list';
import { checkpointsPrefix, commitKey, manifestPrefix, numberInKey } from '@waybill/shared/manifest/keys';
import { type LogOptions, retried } from '@waybill/shared/manifest/options';
import { lookAgain } from './look-again.ts';

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
 * Lists checkpoints before commits. So each checkpoint of a log that is being written has its
 * commit in the list, or that commit is lost. Later commits are not checked: the head is where it
 * stood.
 */
export async function surveyLog(
  bucket: Bucket,
  prefix: string,
  options: LogOptions = {},
): Promise<LogSurvey> {
  const { signal } = options;
  const checkpoints: number[] = [];
  for await (const { key } of patientList(bucket, checkpointsPrefix(prefix), { signal })) {
    const number = numberInKey(key);
    if (number !== undefined) checkpoints.push(number);
  }
  const gaps: Gap[] = [];
  let head = 0;
  const lookFor = (seq: number): Promise<ObjectInfo | null> =>
    retried((call) => bucket.head(commitKey(prefix, seq), call), options);
  for await (const { key } of patientList(bucket, manifestPrefix(prefix), { signal })) {
    const number = numberInKey(key);
    if (number === undefined) continue;
    // A list is not believed where it leaves something out.
    while (head + 1 < number && (await lookAgain(() => lookFor(head + 1), signal))) head++;
    if (head + 1 < number) gaps.push({ first: head + 1, last: number - 1 });
    head = number;
  }
  while (await lookFor(head + 1)) head++;
  return { prefix, head, gaps, checkpoints };
}
