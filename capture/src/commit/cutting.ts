import type { StreamPosition } from '@waybill/shared/manifest/position';
import type { Change } from '../record/change.ts';
import { sameTransaction } from '../record/documents.ts';
import type { SealedChanges } from './units.ts';

/**
 * Cuts a commit whose images are too large for memory, near the middle and if possible between
 * transactions. A commit of one change comes back as it is.
 */
export function cutInHalf(unit: SealedChanges): SealedChanges[] {
  const { changes } = unit;
  if (changes.length < 2) return [unit];
  const at = cutPlace(changes);
  const cutsTransaction = sameTransaction(changes[at - 1]!, changes[at]!);
  const middle = positionAt(unit, at);
  const bytes = unit.bytes / 2;
  return [
    { ...unit, changes: changes.slice(0, at), position: middle, partialTransaction: cutsTransaction, bytes },
    { ...unit, changes: changes.slice(at), before: middle, bytes },
  ];
}

/**
 * The number of changes before the cut: at the boundary of transactions nearest to the middle, or
 * else in the middle.
 */
function cutPlace(changes: readonly Change[]): number {
  const middle = Math.ceil(changes.length / 2);
  for (let distance = 0; distance < middle; distance++) {
    for (const at of [middle - distance, middle + distance]) {
      if (at < 1 || at >= changes.length) continue;
      if (!sameTransaction(changes[at - 1]!, changes[at]!)) return at;
    }
  }
  return middle;
}

/**
 * The position after the change before `at`. Documents that were read in the stream have no
 * position of their own.
 */
function positionAt({ changes, before }: SealedChanges, at: number): StreamPosition {
  const last = changes[at - 1]!;
  if (last.resumeToken === null) return before;
  let taken = 0;
  for (let i = at - 1; i >= 0 && changes[i]!.clusterTime === last.clusterTime; i--) taken++;
  if (taken === at && before.clusterTime === last.clusterTime) taken += before.taken;
  const { clusterTime, resumeToken } = last;
  return { clusterTime, resumeToken, taken, lastEvent: clusterTime };
}
