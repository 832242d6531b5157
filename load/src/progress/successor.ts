/**
 * Who took a load over, and what becomes of the load. A cutover takes it over to end it. The log
 * tells the load to stop; if the load does not hear that, the target does. Then the load waits
 * here. Either the cutover is recorded, and the load has ended well; or the cutover is given up,
 * and the load goes on.
 *
 * A crash of the cutover leaves an owner document that nobody confirms. After a silence the load
 * takes itself over again. If the cutover lives after all, its record is refused: the log has a
 * later epoch by then.
 */

import { hasCode, WaybillError } from '@waybill/shared/base/errors';
import { sleep } from '@waybill/shared/base/lifecycle';
import { DEFAULT_RETRY, type RetryPolicy } from '@waybill/shared/base/retry';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { readManifest } from '@waybill/shared/manifest/log';
import { milestoneOf, type StreamState } from '@waybill/shared/manifest/state';
import type { ProgressDocument, ProgressStore } from '../target/progress-store.ts';
import { readOwner } from './owner.ts';
import { progressLost } from './target-bond.ts';

export interface SuccessorDeps {
  readonly bucket: Bucket;
  readonly loadPrefix: string;
  readonly store: ProgressStore;
  readonly load: string;
  /** A cutover without a sign of life for this long counts as given up. Milliseconds. */
  readonly silentMs: number;
  readonly signal: AbortSignal;
}

/** `load`: another load, and no cutover. `stopped`: the load was asked to stop meanwhile. */
export type Succession = 'cut-over' | 'given-up' | 'load' | 'stopped';

const POLL_MS = 500;
/** A load that is cut off from its bucket says soon why it ended. */
const LOG_RETRY: RetryPolicy = { ...DEFAULT_RETRY, maxElapsedMs: 5000 };

/**
 * Call it for a load that was fenced. @throws LOAD_PROGRESS_LOST where nobody was there to fence
 * it; LOAD_FENCED where the bucket does not tell; errors of the target
 */
export async function whatTookOver(deps: SuccessorDeps): Promise<Succession> {
  try {
    return await follow(deps);
  } catch (error) {
    if (deps.signal.aborted && hasCode(error, 'INTERRUPTED')) return 'stopped';
    throw error;
  }
}

async function follow(deps: SuccessorDeps): Promise<Succession> {
  let signs = '';
  let signAt = performance.now();
  for (;;) {
    // In this order: a cutover gives up the owner document after its record.
    const owner = await readOwner(deps.store, deps.load, deps.signal);
    if (!owner) throw progressLost(deps.load, deps.store.namespace);
    const log = await readLog(deps, owner);
    if (milestoneOf(log, 'cutover')) return 'cut-over';
    if (!isTakenByCutover(log)) return 'load';
    if (owner?.cutover === 'ended' && owner.epoch === log.epoch) return 'given-up';
    const seen = JSON.stringify([log.seq, owner?.epoch, owner?.confirmedAt]);
    if (seen !== signs) [signs, signAt] = [seen, performance.now()];
    if (performance.now() - signAt > deps.silentMs) return 'given-up';
    await sleep(POLL_MS, deps.signal);
  }
}

/** Whoever owns the log now is a cutover. */
function isTakenByCutover(log: StreamState): boolean {
  return milestoneOf(log, 'cutover-started')?.evidence?.epoch === log.epoch;
}

async function readLog(
  { bucket, loadPrefix, load, signal }: SuccessorDeps,
  owner: ProgressDocument | undefined,
): Promise<StreamState> {
  try {
    return await readManifest(bucket, loadPrefix, { signal, retryPolicy: LOG_RETRY });
  } catch (error) {
    if (typeof owner?.cutover !== 'string') throw error;
    throw new WaybillError(
      'LOAD_FENCED',
      `a cutover took load ${load} over, and the bucket does not tell whether it was recorded`,
      {
        hint: 'Nothing more is written to the target. When the bucket can be read again, `waybill status` shows whether the load is cut over; if not, start `waybill load` again.',
        context: { load },
        cause: error,
      },
    );
  }
}
