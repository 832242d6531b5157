/**
 * `stream.json` says what a stream is. It is written once before the first commit and never
 * changes.
 */

import { hasCode } from '../base/errors.ts';
import type { Bucket } from '../bucket/bucket.ts';
import { lookedForAgain } from '../bucket/known-object.ts';
import { PROGRESS_DATABASE } from '../mongo/facts/namespace-filter.ts';
import { corrupt, decodeIdentity, encodeIdentity } from './codec.ts';
import type { StreamIdentity } from './commit.ts';
import { assertName, identityKey } from './keys.ts';
import { hasCommitsBeyond } from './log.ts';
import { streamMissing } from './names.ts';
import { type LogOptions, retried } from './options.ts';
import { FORMAT_VERSION } from './schema.ts';

export type NewStream = Omit<StreamIdentity, 'formatVersion' | 'features' | 'createdAt'>;

/**
 * Namespaces on the source that held the progress of loads when the stream was created. The stream
 * leaves them out. If the identity lacks the field, the stream is older than the field: it leaves
 * out the whole database that may hold progress.
 */
export function progressOf({ progress }: StreamIdentity): readonly string[] {
  return progress ?? [PROGRESS_DATABASE];
}

/**
 * Creates the stream, or finds the existing one. If two processes create it at once, both get the
 * same identity. The caller compares it with the identity that it wanted (source, lanes, format,
 * namespaces). A crash after the put leaves a stream without commits; the next start continues with
 * it.
 */
export async function createStream(
  bucket: Bucket,
  streamPrefix: string,
  wanted: NewStream,
  options: LogOptions = {},
): Promise<StreamIdentity> {
  assertName('stream', wanted.stream);
  const identity = {
    formatVersion: FORMAT_VERSION,
    features: [],
    ...wanted,
    createdAt: new Date().toISOString(),
  };
  const bytes = encodeIdentity(identity);
  try {
    const key = identityKey(streamPrefix);
    await retried((call) => bucket.put(key, bytes, { ...call, ifAbsent: true }), options);
    return identity;
  } catch (error) {
    // It is ours after an ambiguous put, or another's. Either way it defines the stream.
    if (!hasCode(error, 'BUCKET_OBJECT_EXISTS')) throw error;
    return readStream(bucket, streamPrefix, options);
  }
}

/**
 * @throws STREAM_MISSING, which names the existing streams; MANIFEST_CORRUPT, FORMAT_UNSUPPORTED
 */
export async function readStream(
  bucket: Bucket,
  streamPrefix: string,
  options: LogOptions = {},
): Promise<StreamIdentity> {
  const found = await findStream(bucket, streamPrefix, options);
  if (found) return found;
  throw await streamMissing(bucket, streamPrefix, options);
}

/**
 * Returns null if there is no such stream (yet).
 * @throws MANIFEST_CORRUPT, FORMAT_UNSUPPORTED
 */
export async function findStream(
  bucket: Bucket,
  streamPrefix: string,
  options: LogOptions = {},
): Promise<StreamIdentity | null> {
  const key = identityKey(streamPrefix);
  const get = (): Promise<Buffer> => retried((call) => bucket.get(key, call), options);
  try {
    return decodeIdentity(await get(), key);
  } catch (error) {
    if (!hasCode(error, 'BUCKET_OBJECT_MISSING')) throw error;
    if (!(await hasCommitsBeyond(bucket, streamPrefix, 0, options))) return null;
    return decodeIdentity(await lookedForAgain(get, options).catch(lost(key)), key);
  }
}

/**
 * Refuses a new identity over an old log: it could be of another source, or of other lanes, than
 * the commits that are there.
 */
function lost(key: string) {
  return (error: unknown): never => {
    if (!hasCode(error, 'BUCKET_OBJECT_MISSING')) throw error;
    throw corrupt('stream.json', 'it is missing, and commits of the stream are there', key);
  };
}
