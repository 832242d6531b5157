import type { Bucket } from '../bucket/bucket.ts';
import { hasCode } from '../errors.ts';
import type { StreamIdentity } from '../manifest/commit.ts';
import { findStream, readStream } from '../manifest/identity.ts';
import { identityKey } from '../manifest/keys.ts';
import type { LogOptions } from '../manifest/options.ts';
import type { Findings } from './findings.ts';
import { lookAgain } from './look-again.ts';

interface IdentityOptions extends LogOptions {
  readonly bucket: Bucket;
  readonly findings: Findings;
}

/**
 * The stream's identity; null where it cannot be read, which is a finding.
 * @throws STREAM_MISSING where nothing of the stream is there, no commit either
 */
export async function checkIdentity(
  prefix: string,
  hasCommits: boolean,
  options: IdentityOptions,
): Promise<StreamIdentity | null> {
  const { findings, signal } = options;
  const key = identityKey(prefix);
  try {
    const { bucket } = options;
    const find = hasCommits ? findStream : readStream;
    const found = await lookAgain(() => find(bucket, prefix, options), signal);
    if (!found) findings.add('stream-damaged', key, 'it is missing, and its commits are there');
    return found;
  } catch (error) {
    if (hasCode(error, 'MANIFEST_CORRUPT')) findings.add('stream-damaged', key, error.message);
    else if (hasCode(error, 'FORMAT_UNSUPPORTED')) findings.add('format-unsupported', key, error.message);
    else throw error;
    return null;
  }
}
