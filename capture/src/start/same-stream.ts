/**
 * Whether a capture may go on with an existing stream: it must have the same source, and the
 * options that are fixed for its life.
 */
import { WaybillError } from '@waybill/shared/base/errors';
import type { StreamIdentity } from '@waybill/shared/manifest/commit';
import type { NewStream } from '@waybill/shared/manifest/identity';
import type { StreamState } from '@waybill/shared/manifest/state';
import { excludesAll, streamPatterns } from '@waybill/shared/manifest/stream-patterns';
import { isKnownAs, type SourceIdentity } from '@waybill/shared/mongo/facts/source-identity';

const FIXED = ['lanes', 'format', 'codec', 'include', 'images'] as const;

export function assertSame(identity: StreamIdentity, wanted: NewStream, cluster: SourceIdentity): void {
  const { stream } = wanted;
  const isKnown = isKnownAs(cluster, identity.source) && identity.sourceTopology === wanted.sourceTopology;
  if (!isKnown && cluster.unread.length > 0) {
    throw new WaybillError(
      'MONGO_UNAUTHORIZED',
      `the source's user may not read what identifies the cluster of stream ${stream} (${cluster.unread.join(', ')})`,
      {
        hint: 'Give the user the privileges that it had when the stream was created; clusterMonitor and readAnyDatabase on admin have them all.',
        context: { stream, unread: cluster.unread.join(',') },
      },
    );
  }
  if (!isKnown) {
    throw new WaybillError(
      'STREAM_FOREIGN_SOURCE',
      `stream ${stream} in the bucket belongs to another source cluster than the one given`,
      {
        hint: 'Check --source. To capture this cluster, choose another --stream or --bucket.',
        context: { stream, inBucket: identity.source, given: wanted.source },
      },
    );
  }
  const same = (name: (typeof FIXED)[number]): boolean =>
    JSON.stringify(identity[name]) === JSON.stringify(wanted[name]);
  const changed = FIXED.filter((name) => !same(name));
  if (changed.length === 0) return;
  const was = changed.map((name) => `--${name} ${String(identity[name]) || '(none)'}`).join(' ');
  throw new WaybillError(
    'STREAM_OPTIONS_CHANGED',
    `stream ${stream} was created with other options, and these cannot be changed: ${changed.join(', ')}`,
    {
      hint: `Give it the options that it was created with: ${was}. For other options choose another --stream, with --new-stream.`,
      context: { stream, options: changed.join(',') },
    },
  );
}

/**
 * An excluded collection stays excluded: the stream does not know what has happened to it
 * meanwhile. More may be excluded at any start.
 * @throws STREAM_OPTIONS_CHANGED
 */
export function assertExcludesAsMuch(
  identity: StreamIdentity,
  state: StreamState,
  exclude: readonly string[],
): void {
  const { exclude: before } = streamPatterns(identity, state);
  if (excludesAll(exclude, before)) return;
  const { stream } = identity;
  throw new WaybillError(
    'STREAM_OPTIONS_CHANGED',
    `--exclude lacks something that stream ${stream} leaves out`,
    {
      hint: `Give --exclude ${before.join()}, and more if you like. To take in what is left out choose another --stream, with --new-stream.`,
      context: { stream, options: 'exclude' },
    },
  );
}
