/**
 * The stream in the bucket is the one that the target's progress belongs to, and holds everything
 * that was applied.
 */

import { WaybillError } from '@waybill/shared/base/errors';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { readCommit } from '@waybill/shared/manifest/log';
import type { StreamState } from '@waybill/shared/manifest/state';
import type { LoadedProgress } from './progress.ts';

/**
 * A bucket that was put back to an older state has nothing after the cursor: the load would be
 * caught up for ever. Another history under the stream's name would be applied on top of this one.
 * @throws STREAM_ROLLED_BACK
 */
export async function assertStreamGoesOn(
  bucket: Bucket,
  prefix: string,
  stream: StreamState,
  { cursors, finished }: Pick<LoadedProgress, 'cursors' | 'finished'>,
  signal: AbortSignal,
): Promise<void> {
  const furthest = cursors.reduce((most, cursor) => (cursor.seq > most.seq ? cursor : most));
  if (furthest.seq > stream.seq) {
    throw rolledBack(
      `has applied it up to commit ${furthest.seq}, and the bucket's last one is ${stream.seq}`,
      prefix,
    );
  }
  const known = new Set(stream.snapshotSegments.map(({ key }) => key));
  const unknown = finished.find(({ key }) => !known.has(key));
  if (unknown)
    throw rolledBack(`has applied ${unknown.key}, which the bucket's stream does not name`, prefix);
  if (furthest.seq === 0) return;
  const there = await readCommit(bucket, prefix, furthest.seq, { signal });
  if (there?.hash === furthest.hash) return;
  throw rolledBack(`has applied another commit ${furthest.seq} than the one in the bucket`, prefix);
}

function rolledBack(how: string, stream: string): WaybillError {
  return new WaybillError(
    'STREAM_ROLLED_BACK',
    `stream ${stream} is not what the target knows: the load ${how}`,
    {
      hint: 'Check --bucket and --stream. If the bucket was put back to an older state, bring the newer files back. Or start a new load (--load) into a target that has none of its collections.',
      context: { stream },
    },
  );
}
