import type { StreamIdentity } from '@waybill/shared/manifest/commit';
import { findStream, type NewStream, progressOf } from '@waybill/shared/manifest/identity';
import { streamPrefix } from '@waybill/shared/manifest/keys';
import { NamespaceFilter } from '@waybill/shared/mongo/facts/namespace-filter';
import { listOwnProgress } from '@waybill/shared/mongo/facts/own-progress';
import { type SourceIdentity, sourceIdentity } from '@waybill/shared/mongo/facts/source-identity';
import { optionsHash, type StreamOptions, streamOptions } from '../source/stream-options.ts';
import type { StartDeps } from './deps.ts';
import type { CaptureSettings } from './settings.ts';

/** What the settings come to with this source and this bucket. */
export interface StreamPlan {
  readonly prefix: string;
  readonly cluster: SourceIdentity;
  /** The stream of that name in the bucket. */
  readonly existing: StreamIdentity | null;
  readonly wanted: NewStream;
  readonly filter: NamespaceFilter;
  readonly options: StreamOptions;
  readonly hash: string;
}

export async function planStream(
  settings: CaptureSettings,
  { bucket, source, signal }: StartDeps,
): Promise<StreamPlan> {
  const { include, exclude, images } = settings;
  const prefix = streamPrefix(settings.stream);
  const cluster = await sourceIdentity(source, signal);
  const existing = await findStream(bucket, prefix, { signal });
  const progress = existing
    ? progressOf(existing)
    : await listOwnProgress(source, new NamespaceFilter({ include, exclude }), signal);
  const filter = new NamespaceFilter({ include, exclude, progress });
  const options = streamOptions(source.server, { images, ...filter.serverLists() });
  const wanted = { ...newStream(settings, cluster), progress };
  return { prefix, cluster, existing, wanted, filter, options, hash: optionsHash(options) };
}

function newStream(settings: CaptureSettings, { id, topology }: SourceIdentity): NewStream {
  const { stream, lanes, format, codec, include, exclude, images } = settings;
  return { stream, source: id, sourceTopology: topology, lanes, format, codec, include, exclude, images };
}
