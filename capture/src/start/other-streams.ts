/**
 * Streams of the same source in the bucket. A new one beside them is most likely a misspelt name.
 */

import { hasCode, WaybillError } from '@waybill/shared/base/errors';
import { closest } from '@waybill/shared/base/suggest';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { findStream } from '@waybill/shared/manifest/identity';
import { streamPrefix } from '@waybill/shared/manifest/keys';
import { streamNames } from '@waybill/shared/manifest/names';
import { isKnownAs, type SourceIdentity } from '@waybill/shared/mongo/facts/source-identity';

const MOST_NAMED = 10;

/** @throws STREAM_BESIDE_OTHERS */
export async function assertOnlyStream(
  bucket: Bucket,
  stream: string,
  cluster: SourceIdentity,
  signal: AbortSignal,
): Promise<void> {
  const others: string[] = [];
  for await (const name of streamNames(bucket, { signal })) {
    if (name !== stream && (await isOf(bucket, name, cluster, signal))) others.push(name);
    if (others.length > MOST_NAMED) break;
  }
  if (others.length === 0) return;
  const guess = closest(stream, others) ?? others[0];
  throw new WaybillError(
    'STREAM_BESIDE_OTHERS',
    `the bucket has streams of this source already (${others.join(', ')}), and ${stream} would be a new one`,
    {
      hint: `Did you mean --stream ${guess}? To begin a new stream, with a full copy of its own, give --new-stream.`,
      context: { stream, others: others.length },
    },
  );
}

/** Nobody can go on with a stream that cannot be read, so it is no reason to refuse another. */
async function isOf(
  bucket: Bucket,
  name: string,
  cluster: SourceIdentity,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const identity = await findStream(bucket, streamPrefix(name), { signal });
    return identity !== null && isKnownAs(cluster, identity.source);
  } catch (error) {
    if (hasCode(error, 'MANIFEST_CORRUPT', 'FORMAT_UNSUPPORTED')) return false;
    throw error;
  }
}
