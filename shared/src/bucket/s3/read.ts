/**
 * Reading one object, whole or a range. A body that breaks off is taken up again where it broke, on
 * the same version of the object (If-Match): what is handed on is always one version, and never
 * shorter than it should be.
 */
import { GetObjectCommand, type GetObjectCommandOutput } from '@aws-sdk/client-s3';
import { WaybillError } from '../../base/errors.ts';
import { abortable, throwIfAborted } from '../../base/lifecycle.ts';
import { Retries, type RetryPolicy } from '../../base/retry.ts';
import type { ByteRange, CallOptions, GetOptions } from '../bucket.ts';
import type { S3Calls } from './calls.ts';
import { faultOf, s3Error } from './error.ts';

/** Of bodies that broke off without one byte more; each request is repeated by the SDK besides. */
const RESUMING: RetryPolicy = {
  initialMs: 50,
  maxMs: 2000,
  factor: 2,
  jitter: 0.5,
  maxAttempts: 6,
  maxElapsedMs: Number.POSITIVE_INFINITY,
};

export interface Reading {
  /** What will come, in bytes. */
  readonly length: number;
  readonly pieces: AsyncGenerator<Buffer>;
}

/** @throws BUCKET_OBJECT_MISSING, BUCKET_RANGE_INVALID, … before the first byte */
export async function openReading(calls: S3Calls, key: string, options: GetOptions): Promise<Reading> {
  const { range, signal, budget } = options;
  if (range) assertRange(key, range);
  const first = await fetchBody(calls, key, { range, signal, budget });
  const offset = range?.offset ?? 0;
  const length = range?.length ?? first.length;
  return { length, pieces: pieces(calls, key, { offset, length }, first, { signal, budget }) };
}

interface Body {
  readonly length: number;
  readonly etag: string | undefined;
  readonly stream: AsyncIterable<Uint8Array> & { destroy?(): void };
}

interface FetchRequest extends GetOptions {
  readonly etag?: string | undefined;
}

async function* pieces(
  calls: S3Calls,
  key: string,
  { offset, length }: ByteRange,
  first: Body,
  { signal, budget }: CallOptions,
): AsyncGenerator<Buffer> {
  let body = first;
  let got = 0;
  const retryable = (): boolean => first.etag !== undefined;
  const retries = new Retries(RESUMING, { signal, budget, retryable });
  while (got < length) {
    const before = got;
    const broken = yield* drainBody(body, length - got, signal, (bytes) => {
      got += bytes;
    });
    if (got === length) return;
    throwIfAborted(signal);
    if (got > before) retries.progressed();
    await retries.failed(s3Error(broken ?? new Error('aborted'), 'read', key, calls.place));
    const range = { offset: offset + got, length: length - got };
    body = await fetchBody(calls, key, { range, etag: first.etag, signal, budget: retries.budget });
  }
}

/**
 * Hands on what comes, at most `limit` bytes. Returns what it broke off with; ends the connection
 * if it is not read out.
 */
async function* drainBody(
  { stream }: Body,
  limit: number,
  signal: AbortSignal | undefined,
  count: (bytes: number) => void,
): AsyncGenerator<Buffer, unknown> {
  const iterator = stream[Symbol.asyncIterator]();
  let left = limit;
  try {
    while (left > 0) {
      let step: IteratorResult<Uint8Array>;
      try {
        step = await abortable(iterator.next(), signal);
      } catch (error) {
        return error;
      }
      if (step.done) return undefined;
      const { buffer, byteOffset, byteLength } = step.value;
      const piece = Buffer.from(buffer, byteOffset, Math.min(byteLength, left));
      left -= piece.length;
      count(piece.length);
      yield piece;
    }
    // The end itself must be read for the connection to be used again.
    const end = await iterator.next().catch(() => undefined);
    if (!end?.done) left = 1;
  } finally {
    if (left > 0) stream.destroy?.();
  }
}

async function fetchBody(
  calls: S3Calls,
  key: string,
  { range, etag, signal, budget }: FetchRequest,
): Promise<Body> {
  const command = new GetObjectCommand({
    ...calls.at(key),
    ...(range && { Range: `bytes=${range.offset}-${range.offset + range.length - 1}` }),
    ...(etag !== undefined && { IfMatch: etag }),
  });
  let answer: GetObjectCommandOutput;
  try {
    answer = await calls.send(command, { signal, budget });
  } catch (error) {
    if (signal?.aborted) throw error;
    const { status, name } = faultOf(error);
    if (range && (status === 416 || name === 'InvalidRange')) throw outside(key, range);
    if (status === 412) throw replaced(key);
    throw s3Error(error, 'read', key, calls.place);
  }
  const stream = answer.Body as (AsyncIterable<Uint8Array> & { destroy?(): void }) | undefined;
  const length = answer.ContentLength;
  if (stream === undefined || length === undefined) {
    stream?.destroy?.();
    throw unusable(key, 'how long it is');
  }
  const body = { stream, length, etag: answer.ETag };
  if (range && length !== range.length) {
    stream.destroy?.();
    throw answer.ContentRange === undefined ? unusable(key, 'only the range asked for') : outside(key, range);
  }
  return body;
}

function assertRange(key: string, range: ByteRange): void {
  const { offset, length } = range;
  const good = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length > 0;
  if (!good || !Number.isSafeInteger(offset + length)) throw outside(key, range);
}

function outside(key: string, { offset, length }: ByteRange): WaybillError {
  return new WaybillError('BUCKET_RANGE_INVALID', `${length} bytes from ${offset} are not within ${key}`, {
    context: { key, offset, length },
  });
}

function replaced(key: string): WaybillError {
  return new WaybillError('BUCKET_UNAVAILABLE', `${key} was replaced while it was read`, {
    context: { key },
  });
}

function unusable(key: string, what: string): WaybillError {
  return new WaybillError('BUCKET_FEATURE_MISSING', `the store gave ${key}, and not ${what}`, {
    context: { key },
  });
}
