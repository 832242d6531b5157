/**
 * How a cutover ends the load, before it records anything (INV-10).
 *
 *   log's epoch taken ── the load reads that: ends what is in hand, releases
 *                         or does not: frozen, gone, cut off from its bucket
 *     ── owner document and every slot taken ── the last proofs ── record
 *
 * 1. From the first step on nobody else records in the log. If somebody takes the log over later,
 *    the cutover's record is refused.
 * 2. From the third step on the server refuses what the load still writes, whatever the load is
 *    doing. Where a server cannot do so, the load must have said that it has ended, or its process
 *    must be gone: otherwise the cutover ends here.
 * 3. A cutover that ends without a record, or crashes, gives the load up. The load then takes
 *    itself over again.
 *
 * A change of structure has no number, so no server refuses it. What the ended load may still have
 * in hand comes from the stream, or follows an entry in its log (an index held back again). The
 * proofs after this count both, and then the cutover is not recorded. Not covered, as at any
 * takeover (decision 0004): a change that an earlier process of the load was frozen with, and a
 * repeated one that is held on its way.
 */
import { hasCode, WaybillError } from '@waybill/shared/base/errors';
import { sleep } from '@waybill/shared/base/lifecycle';
import type { Milestone, StreamIdentity } from '@waybill/shared/manifest/commit';
import type { StreamState } from '@waybill/shared/manifest/state';
import { LoadLog } from '../progress/load-log.ts';
import { readOwner } from '../progress/owner.ts';
import { Ownership } from '../progress/ownership.ts';
import { streamIdentityText } from '../progress/stream-identity.ts';
import { hasEnded } from '../progress/takeover.ts';
import { LOAD_DEFAULTS } from '../settings/load-settings.ts';
import type { ProgressStore } from '../target/progress-store.ts';
import type { CutoverContext } from './context.ts';

const POLL_MS = 200;
/**
 * How long a living load may take to end what is in hand. After that, or after such a silence, it
 * is shut out as it is.
 */
const RELEASE_MS = 10_000;
const SILENT_MS = LOAD_DEFAULTS.leaseMs + 1000;

/** A load that has ended, and stays ended until this is disposed of. */
export class EndedLoad implements AsyncDisposable {
  readonly #log: LoadLog;
  readonly #load: string;
  readonly #taken: AsyncDisposableStack;

  private constructor(log: LoadLog, load: string, taken: AsyncDisposableStack) {
    this.#log = log;
    this.#load = load;
    this.#taken = taken;
  }

  /** @throws CUTOVER_NOT_READY */
  static async take(context: CutoverContext, identity: StreamIdentity): Promise<EndedLoad> {
    const { bucket, logger, onStep, settings, signal } = context;
    const { stream, load, progressDatabase } = settings;
    const { confirmMs, leaseMs, maxWriteMs } = LOAD_DEFAULTS;
    onStep('waiting for load to end');
    const target = await context.target.forLoad({ progressDatabase, maxWriteMs, signal });
    await using taken = new AsyncDisposableStack();
    const log = await LoadLog.acquire({ bucket, stream, load, first: started, signal, giveUp: signal });
    taken.defer(() => log.close());
    await waitForRelease(target.progress, load, signal);
    const owned = { load, stream: streamIdentityText(identity), epoch: log.epoch, bond: null };
    const ownership = await notReadyIfFenced(load, () =>
      Ownership.acquire({ ...owned, confirmMs, leaseMs, workers: 1 }, { target, logger, signal }),
    );
    taken.defer(() => ownership.release());
    if (!ownership.isAlone) throw notProvenEnded(load, context.target.url);
    return new EndedLoad(log, load, taken.move());
  }

  /** The load's log as it was taken. Only this has recorded in it since. */
  get log(): StreamState {
    return this.#log.state;
  }

  /** @throws CUTOVER_NOT_READY where the load has been started again */
  record(facts: readonly Omit<Milestone, 'at'>[]): Promise<void> {
    return notReadyIfFenced(this.#load, () => this.#log.recordAll(facts));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#taken.disposeAsync();
  }
}

function started({ epoch }: StreamState): Milestone[] {
  const at = new Date().toISOString();
  const evidence = { epoch: epoch + 1 };
  return [{ name: 'cutover-started', at, clusterTime: null, sequence: null, evidence }];
}

/** Resolves when the load has said that it writes nothing more, or is gone, or does not answer. */
async function waitForRelease(store: ProgressStore, load: string, signal: AbortSignal): Promise<void> {
  const until = performance.now() + RELEASE_MS;
  let signs = '';
  let signAt = performance.now();
  while (performance.now() < until) {
    const owner = await readOwner(store, load, signal);
    if (!owner || hasEnded(owner)) return;
    const seen = JSON.stringify([owner.epoch, owner.confirmedAt]);
    if (seen !== signs) [signs, signAt] = [seen, performance.now()];
    if (performance.now() - signAt >= SILENT_MS) return;
    await sleep(POLL_MS, signal);
  }
}

async function notReadyIfFenced<T>(load: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    if (!hasCode(error, 'LOAD_FENCED')) throw error;
    throw new WaybillError('CUTOVER_NOT_READY', `load ${load} was taken over during its cutover`, {
      hint: 'Somebody has started the load or another cutover. Let the load run, and run one cutover.',
      context: { load },
      cause: error,
    });
  }
}

function notProvenEnded(load: string, url: string): WaybillError {
  return new WaybillError(
    'CUTOVER_NOT_READY',
    `it is not certain that load ${load} has ended, and the target ${url} cannot refuse what it may still write`,
    {
      hint: 'End the process of the load if it hangs. Then start `waybill load` again, with the same user on the target as the cutover has, and run the cutover again when it has caught up and run for a minute.',
      context: { load, target: url },
    },
  );
}
