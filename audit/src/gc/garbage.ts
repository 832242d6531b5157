/** What of a stream is garbage, and why. Lists; deletes nothing. */
import type { Bucket, ObjectInfo } from '@waybill/shared/bucket/bucket';
import { PROBE_PREFIX } from '@waybill/shared/bucket/key';
import { isProbeKey } from '@waybill/shared/bucket/open/probe';
import { patientList } from '@waybill/shared/bucket/patient-list';
import { CHECKPOINTS_TRIED } from '@waybill/shared/manifest/checkpoint';
import { checkpointKey, deadLettersPrefix, epochInKey, segmentsPrefix } from '@waybill/shared/manifest/keys';
import { type LogOptions, retried } from '@waybill/shared/manifest/options';
import type { LogSurvey } from '../fsck/survey.ts';
import type { NamedSegments } from './named-segments.ts';

export type GarbageKind = 'segment' | 'dead-letters' | 'checkpoint' | 'probe';

export interface Garbage extends ObjectInfo {
  readonly kind: GarbageKind;
}

/**
 * A process that is not fenced may yet commit what it has uploaded: nothing that may be its is
 * touched for this long, whatever is asked for. Far above what lies between an upload and its
 * commit, retries included.
 */
const LEAST_AGE_MS = 60 * 60 * 1000;

export interface AgeRule {
  /** The store's clock at some moment before the listing. */
  readonly now: number;
  readonly minAge: number;
}

/** Unnamed files that stay, and why. */
export interface Kept {
  /** Too young: of somebody who may yet commit it. */
  young: number;
  youngBytes: number;
  /** Not of a name that Waybill makes. */
  foreign: number;
}

/** Where files are that a log names by their keys. */
export interface NamedFiles {
  readonly kind: 'segment' | 'dead-letters';
  /** Of the log. */
  readonly prefix: string;
}

/**
 * Files that no commit of their log names. Of a fenced writer's nothing can ever be named, so the
 * age asked for is all that counts; of others' at least {@link LEAST_AGE_MS}.
 */
export async function* unnamedFiles(
  bucket: Bucket,
  { kind, prefix }: NamedFiles,
  named: NamedSegments,
  { now, minAge }: AgeRule,
  kept: Kept,
  signal: AbortSignal | undefined,
): AsyncGenerator<Garbage> {
  const folder = kind === 'segment' ? segmentsPrefix(prefix) : deadLettersPrefix(prefix);
  for await (const info of patientList(bucket, folder, { signal })) {
    if (named.has(info.key)) continue;
    const epoch = epochInKey(info.key);
    if (epoch === undefined) {
      kept.foreign++;
      continue;
    }
    const isFenced = epoch < named.fencedBelow(prefix);
    const age = isFenced ? minAge : Math.max(minAge, LEAST_AGE_MS);
    if (now - info.modifiedAt >= age) yield { ...info, kind };
    else {
      kept.young++;
      kept.youngBytes += info.bytes;
    }
  }
}

/**
 * All but those that a cold start may try. They are derived, and a reader passes over one that
 * goes.
 */
export async function* staleCheckpoints(
  bucket: Bucket,
  { prefix, checkpoints }: LogSurvey,
  options: LogOptions,
): AsyncGenerator<Garbage> {
  for (const number of checkpoints.slice(0, -CHECKPOINTS_TRIED)) {
    const key = checkpointKey(prefix, number);
    const info = await retried((call) => bucket.head(key, call), options);
    if (info) yield { ...info, kind: 'checkpoint' };
  }
}

/** What the probes of processes have left that were killed. */
export async function* oldProbes(
  bucket: Bucket,
  { now, minAge }: AgeRule,
  signal: AbortSignal | undefined,
): AsyncGenerator<Garbage> {
  for await (const info of patientList(bucket, PROBE_PREFIX, { signal })) {
    const isOld = now - info.modifiedAt >= Math.max(minAge, LEAST_AGE_MS);
    if (isOld && isProbeKey(info.key)) yield { ...info, kind: 'probe' };
  }
}
