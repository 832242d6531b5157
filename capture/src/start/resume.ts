/** Where a stream goes on that has a position. */
import { WaybillError } from '@waybill/shared/base/errors';
import type { StreamIdentity } from '@waybill/shared/manifest/commit';
import { decodePosition, positionAt, type StreamPosition } from '@waybill/shared/manifest/position';
import type { StreamState } from '@waybill/shared/manifest/state';
import { excludesAll, streamPatterns } from '@waybill/shared/manifest/stream-patterns';
import type { StreamStart } from '../source/stream-options.ts';

export function positionOf({ position }: StreamState, hash: string): StreamPosition {
  if (!position) throw new WaybillError('INTERNAL', 'a stream has an owner and no position');
  return decodePosition(position, hash);
}

/**
 * The position of a stream that leaves out more than before; null if it leaves out no more. Its
 * token may be of an event that the change stream no longer shows, and the number of events taken
 * at that time no longer fits. So it starts with everything of that time. What was captured of it
 * comes twice, which ends in the same documents.
 */
export function positionBehind(
  state: StreamState,
  identity: StreamIdentity,
  exclude: readonly string[],
  hash: string,
): StreamPosition | null {
  if (excludesAll(streamPatterns(identity, state).exclude, exclude) || state.position?.options === hash)
    return null;
  return positionAt(positionOf(state, hash).clusterTime);
}

export function startAt({ clusterTime, resumeToken }: StreamPosition, tokenFits: boolean): StreamStart {
  return tokenFits && resumeToken !== null
    ? { at: 'token', token: resumeToken }
    : { at: 'time', time: clusterTime };
}
