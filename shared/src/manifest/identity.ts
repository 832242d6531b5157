/** `stream.json`: what a stream is, written once before its first commit, never changed. */

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
 * Where progress of loads stood on the source when the stream was created: it is left out. A stream
 * that was made before this field existed leaves out the whole database that may hold some.
 */
export function progressOf({ progress }: StreamIdentity): readonly string[] {
  return progress ?? [PROGRESS_DATABASE];
}

/**
 * Creates the stream, or finds the one there. Of two that create at once both get the same identity
 * back; whether that is the one wanted (source, lanes, format, namespaces) is the caller's to
 * compare. A crash after the put leaves a stream without commits, which the next start goes on
 * with.
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
    // Ours after an ambiguous put, or another's: either way it is what the stream is.
    if (!hasCode(error, 'BUCKET_OBJECT_EXISTS')) throw error;
    return readStream(bucket, streamPrefix, options);
  }
}

/**
 * @throws STREAM_MISSING, which names the streams that are there; MANIFEST_CORRUPT,
 *   FORMAT_UNSUPPORTED
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

/** Null where there is no such stream (yet). @throws MANIFEST_CORRUPT, FORMAT_UNSUPPORTED */
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
 * A new identity over an old log could be another source's, or of other lanes, than what is there
 * already.
 */
function lost(key: string) {
  return (error: unknown): never => {
    if (!hasCode(error, 'BUCKET_OBJECT_MISSING')) throw error;
    throw corrupt('stream.json', 'it is missing, and commits of the stream are there', key);
  };
}
