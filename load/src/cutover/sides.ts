/** Before anything is asked of them: that source and target are the stream's and the load's. Others could be copies too. */
import { WaybillError } from '@waybill/shared/errors';
import type { StreamIdentity } from '@waybill/shared/manifest/commit';
import { readStream } from '@waybill/shared/manifest/identity';
import { isKnownAs, sourceIdentity } from '@waybill/shared/mongo/source-identity';
import { streamIdentityText } from '../progress/stream-identity.ts';
import { mongodbProgressStore } from '../target/mongodb-progress.ts';
import { LoadWatch } from '../verify/load-watch.ts';
import type { CutoverContext } from './context.ts';

/** @throws STREAM_FOREIGN_SOURCE, STREAM_MISSING */
export async function streamOfSource({
  bucket,
  source,
  streamPrefix,
  signal,
}: CutoverContext): Promise<StreamIdentity> {
  const identity = await readStream(bucket, streamPrefix, { signal });
  if (isKnownAs(await sourceIdentity(source, signal), identity.source)) return identity;
  throw new WaybillError(
    'STREAM_FOREIGN_SOURCE',
    `stream ${identity.stream} was not captured from ${source.url}`,
    {
      hint: 'Give the --source that the capture reads, with a user that may read no less (clusterMonitor), or the right --bucket and --stream.',
      context: { stream: identity.stream, source: source.url },
    },
  );
}

/** @throws CUTOVER_NOT_READY */
export async function watchLoad(
  { target, settings, signal }: CutoverContext,
  identity: StreamIdentity,
): Promise<LoadWatch> {
  const { load, progressDatabase } = settings;
  const store = mongodbProgressStore(target, progressDatabase);
  const watch = new LoadWatch(store, load, streamIdentityText(identity));
  const { owner } = await watch.look(signal);
  if (owner === 'ours') return watch;
  const what = owner === 'none' ? `has no load ${load}` : `has a load ${load} of another stream`;
  throw new WaybillError('CUTOVER_NOT_READY', `the target ${target.url} ${what}`, {
    hint: 'Check --target, --load, --bucket and --stream, or start `waybill load` first.',
    context: { load, target: target.url },
  });
}
