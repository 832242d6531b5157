/**
 * Putting one object.
 *
 * 1. Every put marks its object with a token of its own, in the object's metadata. So "is that
 *    mine?" has an exact answer, also where two writers put the same bytes.
 * 2. A conditional put that does not end in a plain success is decided by looking: our token there,
 *    and it has succeeded (a time-out after success, a repetition by the SDK that met its own
 *    object); another's, and the key is taken; nothing, and the outcome is open, which is what
 *    `transient` says.
 * 3. A conflict (409: another conditional put of the key is under way) is neither: it is tried
 *    again until one of the three is true.
 */
import { randomUUID } from 'node:crypto';
import { HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { hasCode, WaybillError } from '../../base/errors.ts';
import { sleep, throwIfAborted } from '../../base/lifecycle.ts';
import { type RetryPolicy, retry } from '../../base/retry.ts';
import type { CallOptions, PutOptions } from '../bucket.ts';
import { cutParts } from '../cut-parts.ts';
import type { S3Calls } from './calls.ts';
import { bodyChecksum } from './checksum.ts';
import { faultOf, isConflict, isTaken, s3Error } from './error.ts';
import { newObject, type PutRequest, TOKEN } from './put-request.ts';
import { Upload } from './upload.ts';

const LOOKS_MS = [0, 100, 400];

const CONFLICT_POLICY: RetryPolicy = {
  initialMs: 50,
  maxMs: 2000,
  factor: 2,
  jitter: 0.5,
  maxAttempts: 10,
  maxElapsedMs: 30_000,
};

export async function putObject(
  calls: S3Calls,
  key: string,
  body: Uint8Array | AsyncIterable<Uint8Array>,
  options: PutOptions & { readonly unfenced: boolean },
): Promise<void> {
  const { ifAbsent = false, unfenced, signal, budget } = options;
  if (ifAbsent && unfenced && (await tokenOf(calls, key, { signal, budget })) !== null) throw taken(key);
  const dialect = await calls.dialect(key, { signal, budget }).catch((error: unknown) => {
    throw s3Error(error, 'write', key, calls.place);
  });
  const header = ifAbsent && !unfenced ? dialect.absence : undefined;
  const request: PutRequest = { key, token: randomUUID(), dialect, header, signal, budget };
  let upload: Upload | undefined;
  try {
    for await (const part of cutParts(body, calls.partMemory, signal)) {
      if (part.isLast && !upload) {
        await putWhole(calls, request, part.bytes);
        part.release();
        return;
      }
      upload ??= await Upload.begin(calls, request, newObject(calls.store, request.token, part.bytes.length));
      await upload.add(part);
    }
    if (!upload) return await putWhole(calls, request, Buffer.alloc(0));
    await upload.uploaded();
    // The upload may have taken longer than any budget, and has made progress.
    await decided(calls, { ...request, budget: undefined }, upload.complete);
  } catch (error) {
    await upload?.abort();
    throw error;
  }
}

async function putWhole(calls: S3Calls, request: PutRequest, body: Uint8Array): Promise<void> {
  const { key, header, dialect, signal, budget } = request;
  const input = {
    ...calls.at(key),
    Body: body,
    ContentLength: body.length,
    ...bodyChecksum(body, dialect),
    ...newObject(calls.store, request.token, body.length),
  };
  await decided(calls, request, () => calls.send(new PutObjectCommand(input), { header, signal, budget }));
}

/** Runs the request that makes the object visible, and finds out what has come of it. */
async function decided(calls: S3Calls, request: PutRequest, send: () => Promise<unknown>): Promise<void> {
  const { key, header, signal, budget } = request;
  const attempt = async (): Promise<void> => {
    try {
      await send();
    } catch (error) {
      if (signal?.aborted) throw error;
      const mapped = s3Error(error, 'write', key, calls.place);
      const isOpen = isTaken(error) || isConflict(error) || hasCode(mapped, 'BUCKET_UNAVAILABLE');
      if (!isOpen) throw header ? conditional(mapped, key) : mapped;
      const found = await look(calls, request, isTaken(error) ? LOOKS_MS : [0]);
      if (found === request.token) return;
      if (header && found !== null) throw taken(key);
      // The look was cut short: that is what has come of it.
      throwIfAborted(signal);
      if (isConflict(error)) throw new Conflict();
      throw isTaken(error) ? gone(key) : mapped;
    }
  };
  try {
    await retry(attempt, CONFLICT_POLICY, {
      signal,
      budget,
      retryable: (error) => error instanceof Conflict,
    });
  } catch (error) {
    throw error instanceof Conflict ? gone(key) : error;
  }
}

class Conflict extends Error {}

/**
 * The token of what stands there. An object that was in the way may be shown late: it is looked for
 * after these pauses.
 */
async function look(
  calls: S3Calls,
  { key, signal, budget }: PutRequest,
  pausesMs: readonly number[],
): Promise<string | null> {
  for (const pauseMs of pausesMs) {
    await sleep(pauseMs, signal);
    const found = await tokenOf(calls, key, { signal, budget }).catch(() => null);
    if (found !== null) return found;
  }
  return null;
}

/** The token in an object, '' where it has none, null where there is no object. */
async function tokenOf(calls: S3Calls, key: string, options: CallOptions): Promise<string | null> {
  try {
    const { Metadata } = await calls.send(new HeadObjectCommand(calls.at(key)), options);
    return Metadata?.[TOKEN] ?? '';
  } catch (error) {
    if (!options.signal?.aborted && faultOf(error).status === 404) return null;
    throw s3Error(error, 'look for', key, calls.place);
  }
}

function taken(key: string): WaybillError {
  return new WaybillError('BUCKET_OBJECT_EXISTS', `there is an object ${key} already`, { context: { key } });
}

/** Refused because of an object that is not to be seen. */
function gone(key: string): WaybillError {
  return new WaybillError('BUCKET_UNAVAILABLE', `the store refused ${key} because of another put of it`, {
    hint: 'Run the same command again.',
    context: { key },
  });
}

/**
 * An old MinIO takes `If-None-Match: *` for a condition on what is there, and answers 404 to the
 * first put.
 */
function conditional(mapped: unknown, key: string): unknown {
  if (!hasCode(mapped, 'BUCKET_OBJECT_MISSING')) return mapped;
  return new WaybillError('BUCKET_FEATURE_MISSING', 'the store answers that there is no such object', {
    context: { key, ...mapped.context },
  });
}
