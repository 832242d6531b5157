import type { Bucket } from '../bucket/bucket.ts';
import { hasCode } from '../errors.ts';
import type { StreamIdentity } from '../manifest/commit.ts';
import { readStream } from '../manifest/identity.ts';
import { identityKey } from '../manifest/keys.ts';
import type { LogOptions } from '../manifest/options.ts';
import type { Findings } from './findings.ts';

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
  options: IdentityOptions,
): Promise<StreamIdentity | null> {
  const { bucket, findings } = options;
  const key = identityKey(prefix);
  try {
    return await readStream(bucket, prefix, options);
  } catch (error) {
    if (hasCode(error, 'MANIFEST_CORRUPT')) findings.add('stream-damaged', key, error.message);
    else if (hasCode(error, 'FORMAT_UNSUPPORTED')) findings.add('format-unsupported', key, error.message);
    else throw error;
    return null;
  }
}
