import { hasCode } from '@waybill/shared/base/errors';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import type { StreamIdentity } from '@waybill/shared/manifest/commit';
import { readStream } from '@waybill/shared/manifest/identity';
import { identityKey } from '@waybill/shared/manifest/keys';
import type { LogOptions } from '@waybill/shared/manifest/options';
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
