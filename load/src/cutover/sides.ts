/**
 * Source and target are those of the stream and the load. Checked before anything else is asked of
 * them: copies could pass for them.
 */
import { WaybillError } from '@waybill/shared/base/errors';
import type { StreamIdentity } from '@waybill/shared/manifest/commit';
import { readStream } from '@waybill/shared/manifest/identity';
import { isKnownAs, sourceIdentity } from '@waybill/shared/mongo/facts/source-identity';
import { assertNotTheSource, assertTwoClusters } from '../progress/two-clusters.ts';
import type { CutoverContext } from './context.ts';

export type Sides = Pick<CutoverContext, 'bucket' | 'signal' | 'source' | 'streamPrefix' | 'target'>;

/** @throws STREAM_FOREIGN_SOURCE, TARGET_IS_SOURCE, STREAM_MISSING */
export async function streamOfSides({
  bucket,
  source,
  target,
  streamPrefix,
  signal,
}: Sides): Promise<StreamIdentity> {
  const identity = await readStream(bucket, streamPrefix, { signal });
  await assertTwoClusters(source, target, signal);
  if (isKnownAs(await sourceIdentity(source, signal), identity.source)) return identity;
  const cluster = await target.identity(signal);
  assertNotTheSource(identity, { cluster, hosts: target.url });
  throw new WaybillError(
    'STREAM_FOREIGN_SOURCE',
    `stream ${identity.stream} was not captured from ${source.url}`,
    {
      hint: 'Give the --source that the capture reads, with a user that may read no less (clusterMonitor), or the right --bucket and --stream.',
      context: { stream: identity.stream, source: source.url },
    },
  );
}
