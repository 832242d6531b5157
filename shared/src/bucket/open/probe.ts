/**
 * Finds out, before a command writes anything, whether the store keeps the promises that all else
 * rests on: they are a matter of the service, its version and the bucket's settings, and a store
 * that lacks one does not say so. It costs about a dozen small requests and leaves nothing behind.
 */
import { randomUUID } from 'node:crypto';
import { hasCode, isTransient, WaybillError } from '../../base/errors.ts';
import { type RetryBudget, type RetryPolicy, retry } from '../../base/retry.ts';
import type { Bucket, ByteRange, CallOptions } from '../bucket.ts';
import { PROBE_PREFIX } from '../key.ts';

export interface ProbeOptions extends CallOptions {
  /**
   * The operator's word that there is one writer: then a store without put-if-absent passes,
   * unfenced.
   */
  readonly unsafeSingleWriter?: boolean | undefined;
}

export interface Probed {
  /**
   * What put-if-absent was found to lack, where the store passed all the same; the bucket is
   * `unfenced` then.
   */
  readonly unfenced: string | undefined;
}

const PROBE = /^\.waybill-probe-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}-(?:once|race|plain|clock)$/;

/** Whether it is a name that only a probe makes up. */
export function isProbeKey(key: string): boolean {
  return PROBE.test(key);
}

const BODY = Buffer.from('waybill probe');
const RACERS = 4;
const CLEANING_MS = 5000;

/**
 * One wrong answer to a read may be a passing fault; a store that is not consistent gives more of
 * them.
 */
const POLICY: RetryPolicy = {
  initialMs: 100,
  maxMs: 2000,
  factor: 3,
  jitter: 0.5,
  maxAttempts: 4,
  maxElapsedMs: 60_000,
};

/**
 * @throws BUCKET_FEATURE_MISSING, or what the bucket throws: BUCKET_ACCESS_DENIED, BUCKET_MISSING,
 *   …
 */
export async function probeBucket(bucket: Bucket, options: ProbeOptions = {}): Promise<Probed> {
  const { signal } = options;
  const retryable = (error: unknown): boolean => isTransient(error) || error instanceof Inconsistent;
  try {
    return await retry(() => probeOnce(bucket, options), POLICY, { signal, retryable });
  } catch (error) {
    throw error instanceof Inconsistent ? featureMissing(bucket, error.message) : error;
  }
}

/**
 * For commands that only read: a wrong endpoint, name or right shows within seconds, before calls
 * that are tried again for minutes. @throws what the bucket throws
 */
export async function assertReachable(bucket: Bucket, { signal, budget }: CallOptions = {}): Promise<void> {
  const look = (_attempt: number, budget: RetryBudget) =>
    bucket.head(`${PROBE_PREFIX}none`, { signal, budget });
  const found = await retry(look, POLICY, { signal, budget });
  if (!found) return;
  throw new WaybillError(
    'BUCKET_FEATURE_MISSING',
    `what answers for ${bucket.url} is no object store: it says that it has an object which nobody put there`,
    { hint: 'Check --bucket-endpoint: a web page or a proxy may answer there.' },
  );
}

class Inconsistent extends Error {}

async function probeOnce(bucket: Bucket, options: ProbeOptions): Promise<Probed> {
  const { signal, unsafeSingleWriter = false } = options;
  const prefix = `${PROBE_PREFIX}${randomUUID()}`;
  const [once, race, plain] = [`${prefix}-once`, `${prefix}-race`, `${prefix}-plain`] as const;
  await assertReachable(bucket, { signal });
  try {
    // First, so that what keeps any put from succeeding is not taken for a lack of the conditional
    // one.
    await bucket.put(plain, BODY, { signal });
    const lack = (await lackOfRefusal(bucket, once, signal)) ?? (await lackOfWinner(bucket, race, signal));
    if (lack !== undefined && !unsafeSingleWriter) throw featureMissing(bucket, lack);
    await assertReads(bucket, plain, signal);
    await assertListed(bucket, plain, true, signal);
    await bucket.delete(plain, { signal });
    await bucket.delete(plain, { signal });
    await assertListed(bucket, plain, false, signal);
    if (lack !== undefined) bucket.unfenced = true;
    return { unfenced: lack };
  } finally {
    // Also after an abort. What a killed probe leaves is gc's to remove: here nobody
    // knows whose bucket this is.
    const cleaning = AbortSignal.timeout(CLEANING_MS);
    await Promise.allSettled([once, race, plain].map((key) => bucket.delete(key, { signal: cleaning })));
  }
}

/** A second put-if-absent must be refused, and must not harm the first one's object. */
async function lackOfRefusal(bucket: Bucket, key: string, signal?: AbortSignal): Promise<string | undefined> {
  try {
    await bucket.put(key, BODY, { ifAbsent: true, signal });
    await bucket.put(key, Buffer.from('a second one'), { ifAbsent: true, signal });
    return 'put-if-absent: a second put of the same key was not refused';
  } catch (error) {
    if (hasCode(error, 'BUCKET_FEATURE_MISSING')) return `put-if-absent: ${error.message}`;
    if (!hasCode(error, 'BUCKET_OBJECT_EXISTS')) throw error;
  }
  const kept = await read(bucket, key, signal);
  return kept.equals(BODY) ? undefined : 'put-if-absent: a put that was refused replaced the object';
}

/** Of several at once exactly one must win. */
async function lackOfWinner(bucket: Bucket, key: string, signal?: AbortSignal): Promise<string | undefined> {
  const bodies = Array.from({ length: RACERS }, (_, i) => Buffer.from(`racer ${i}`));
  const ends = await Promise.allSettled(
    bodies.map((body) => bucket.put(key, body, { ifAbsent: true, signal })),
  );
  const winners = bodies.filter((_, i) => ends[i]?.status === 'fulfilled');
  for (const end of ends) {
    if (end.status === 'rejected' && !hasCode(end.reason, 'BUCKET_OBJECT_EXISTS')) throw end.reason;
  }
  const [winner] = winners;
  if (winners.length !== 1 || !winner)
    return `put-if-absent: ${winners.length} of ${RACERS} puts at once won`;
  const kept = await read(bucket, key, signal);
  return kept.equals(winner) ? undefined : 'put-if-absent: not the object of the put that won is there';
}

async function assertReads(bucket: Bucket, key: string, signal?: AbortSignal): Promise<void> {
  const whole = await read(bucket, key, signal);
  const part = await read(bucket, key, signal, { offset: 8, length: 3 });
  if (!whole.equals(BODY)) throw new Inconsistent('reading what was just written');
  if (!part.equals(BODY.subarray(8, 11))) throw featureMissing(bucket, 'ranged reads');
}

async function read(
  bucket: Bucket,
  key: string,
  signal: AbortSignal | undefined,
  range?: ByteRange,
): Promise<Buffer> {
  try {
    return await bucket.get(key, { range, signal });
  } catch (error) {
    if (!hasCode(error, 'BUCKET_OBJECT_MISSING')) throw error;
    throw new Inconsistent('reading what was just written');
  }
}

async function assertListed(
  bucket: Bucket,
  key: string,
  expected: boolean,
  signal?: AbortSignal,
): Promise<void> {
  let found = false;
  for await (const info of bucket.list(PROBE_PREFIX, { signal })) found ||= info.key === key;
  if (found === expected) return;
  throw new Inconsistent(
    expected ? 'listing what was just written' : 'deleting, so that it is no longer listed',
  );
}

function featureMissing(bucket: Bucket, feature: string): WaybillError {
  return new WaybillError('BUCKET_FEATURE_MISSING', `${bucket.url} lacks what is needed: ${feature}`, {
    hint: feature.startsWith('put-if-absent')
      ? 'Two processes on one stream could not be told apart. Use a newer version of the store, turn versioning off on OSS and COS, or see --unsafe-single-writer.'
      : 'Use another store, or a newer version of this one.',
    context: { feature },
  });
}
