/**
 * Who may write this load into the target (INV-4). Two fences: the load's own log gave the epoch, and the owner document
 * on the target carries it.
 *
 *   old owner   ── confirms, every confirmMs ──► confirm fails: stops
 *                                    │ raise              │ lease over, or released: nothing new is sent
 *   new owner   ─────────────────────┴── wait leaseMs ────┴── $currentOp empty of older epochs ── raise lanes ── read cursors
 *
 * 1. An owner sends a batch only while its last successful confirmation *began* less than leaseMs ago by its monotonic
 *    clock. The confirmation is a majority write filtered on the epoch, so it can not succeed after the raise.
 * 2. So leaseMs after the raise the old owner sends nothing more; a margin covers bytes already under way, and what the
 *    server runs by then is seen in `$currentOp` by the epoch in its comment and waited for.
 * 3. The wait is left out where the old owner said that it had stopped, or is a process of this machine that is gone.
 *
 * What this does not cover: a process that is suspended for longer than its lease in the microseconds between looking
 * at its confirmation and handing the command to the kernel, and then sends it. Only batch and cursor in one transaction would.
 *
 * No wall clock of two machines is compared. A crash after the raise leaves an owner that never confirms: the next one
 * raises again and waits again.
 */
import { WaybillError } from '@waybill/shared/errors';
import { interrupted, LinkedAbort, sleep } from '@waybill/shared/lifecycle';
import type { Logger } from '@waybill/shared/logger';
import { DEFAULT_RETRY, retry } from '@waybill/shared/retry';
import type { ProgressDocument, ProgressStore, Target, WriteTag } from '../target/target.ts';
import { ownerId } from './keys.ts';
import { isCertainlyDead, processIdentity, writerName } from './process-identity.ts';

export interface OwnershipSettings {
  readonly load: string;
  /** Identity of the stream: {@link streamIdentityText}. */
  readonly stream: string;
  readonly epoch: number;
  readonly confirmMs: number;
  readonly leaseMs: number;
  readonly maxWriteMs: number;
}

export interface OwnershipDeps {
  readonly target: Pick<Target, 'olderWritesRun' | 'progress' | 'url'>;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Bytes that a process had handed to its kernel before it stopped or died may still reach the server. */
const UNDER_WAY_MS = 750;
const DRAIN_POLL_MS = 100;

export class Ownership {
  readonly tag: WriteTag;
  readonly #settings: OwnershipSettings;
  readonly #store: ProgressStore;
  readonly #logger: Logger;
  readonly #fence = new LinkedAbort();
  readonly #loopEnd: LinkedAbort;
  #confirmedAt: number;
  #confirming: Promise<void> | null = null;
  #loop: Promise<void> = Promise.resolve();

  private constructor(settings: OwnershipSettings, deps: OwnershipDeps, confirmedAt: number) {
    this.tag = { load: settings.load, epoch: settings.epoch };
    this.#settings = settings;
    this.#store = deps.target.progress;
    this.#logger = deps.logger;
    this.#confirmedAt = confirmedAt;
    this.#loopEnd = new LinkedAbort(this.#fence.signal);
  }

  /**
   * Takes the load over. Fulfilled when nobody else writes it any more.
   * @throws LOAD_FOREIGN, LOAD_FENCED, the target's errors, the signal's reason
   */
  static async acquire(settings: OwnershipSettings, deps: OwnershipDeps): Promise<Ownership> {
    const raised = await raise(settings, deps);
    const ownership = new Ownership(settings, deps, raised.at);
    ownership.#loop = ownership.#confirmLoop();
    try {
      if (raised.previous) {
        await waitOut(raised.previous, settings, deps);
        await drain(ownership.tag, raised.previous.released === true, settings, deps);
      }
      return ownership;
    } catch (error) {
      await ownership.release();
      throw error;
    }
  }

  /** Aborts with LOAD_FENCED when another process has taken the load over. */
  get fenced(): AbortSignal {
    return this.#fence.signal;
  }

  /** Fulfilled while we own the load by rule 1; at once but for after an outage. Rejects with LOAD_FENCED. */
  async held(): Promise<void> {
    while (!this.#isFresh()) {
      if (this.#fence.signal.aborted) throw this.#fence.signal.reason;
      this.#confirming ??= this.#confirm().finally(() => {
        this.#confirming = null;
      });
      await this.#confirming;
    }
  }

  /** Says that nothing more will be written, so that the next owner need not wait. Only after the last write settled. */
  async release(): Promise<void> {
    this.#loopEnd.abort();
    await this.#loop;
    if (this.#fence.signal.aborted) return;
    const { load, epoch } = this.#settings;
    await this.#store
      .update([{ id: ownerId(load), when: { epoch }, set: { released: true } }])
      .catch((error: unknown) => this.#logger.debug('the load was not released', { err: error }));
    this.#fence.abort(interrupted('the load has been released'));
    this.#loopEnd[Symbol.dispose]();
  }

  #isFresh(): boolean {
    return !this.#fence.signal.aborted && performance.now() - this.#confirmedAt < this.#settings.leaseMs;
  }

  async #confirm(): Promise<void> {
    const { load, epoch } = this.#settings;
    const began = performance.now();
    const matched = await this.#store.update([
      { id: ownerId(load), when: { epoch }, set: { confirmedAt: new Date() } },
    ]);
    if (matched === 1) this.#confirmedAt = Math.max(this.#confirmedAt, began);
    else this.#fence.abort(fencedError(load, epoch));
  }

  async #confirmLoop(): Promise<void> {
    const { signal } = this.#loopEnd;
    while (!signal.aborted) {
      await sleep(this.#settings.confirmMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      await this.#confirm().catch((error: unknown) =>
        this.#logger.warnThrottled('ownership of the load could not be confirmed', { err: error }),
      );
    }
  }
}

export function fencedError(load: string, epoch: number): WaybillError {
  return new WaybillError(
    'LOAD_FENCED',
    `another process took load ${load} over (this one had epoch ${epoch})`,
    {
      hint: 'Exactly one process may run a load. Stop the other one, or leave this one stopped.',
      context: { load, epoch },
    },
  );
}

interface Raised {
  /** The owner document as it was; null for a load that nobody has run yet. */
  readonly previous: ProgressDocument | null;
  /** When the raising write began, by our monotonic clock. */
  readonly at: number;
}

/** Compares and sets the owner document, so that what was read of the old owner is what was replaced. */
async function raise(settings: OwnershipSettings, deps: OwnershipDeps): Promise<Raised> {
  const { load, stream, epoch } = settings;
  const store = deps.target.progress;
  const id = ownerId(load);
  const identity = processIdentity();
  let previous: ProgressDocument | null = null;
  return retry(
    async () => {
      for (;;) {
        const [found] = (await store.find(id)).filter((document) => document._id === id);
        const before = found ?? null;
        if (before && before.stream !== stream) throw foreign(settings, before, deps.target.url);
        const had = before ? Number(before.epoch) : 0;
        // An earlier attempt of ours that succeeded without our hearing of it.
        const isOurs = had === epoch && before?.process === identity && before.writer === writerName();
        if (!isOurs && had >= epoch) throw fencedError(load, epoch);
        if (!isOurs) previous = before;
        const at = performance.now();
        const matched = await store.update([
          {
            id,
            when: before ? { epoch: had } : { epoch: 0 },
            set: {
              kind: 'owner',
              load,
              stream,
              epoch,
              writer: writerName(),
              process: identity,
              leaseMs: settings.leaseMs,
              released: false,
              confirmedAt: new Date(),
            },
            upsert: before === null,
          },
        ]);
        if (matched === 1) return { previous, at };
      }
    },
    DEFAULT_RETRY,
    { signal: deps.signal },
  );
}

async function waitOut(
  previous: ProgressDocument,
  settings: OwnershipSettings,
  deps: OwnershipDeps,
): Promise<void> {
  if (previous.released === true) return;
  const isDead = typeof previous.process === 'string' && isCertainlyDead(previous.process);
  const leaseMs = isDead ? 0 : Math.max(Number(previous.leaseMs) || 0, settings.leaseMs);
  if (!isDead) {
    deps.logger.info('waiting until the previous owner of the load can no longer write', {
      previous: String(previous.writer),
      leaseMs,
    });
  }
  await sleep(leaseMs + UNDER_WAY_MS, deps.signal);
}

/** The server's longest write bounds this, since every write carries maxTimeMS. A released load had none left. */
async function drain(
  tag: WriteTag,
  wasReleased: boolean,
  settings: OwnershipSettings,
  deps: OwnershipDeps,
): Promise<void> {
  for (;;) {
    const running = await retry(() => deps.target.olderWritesRun(tag), DEFAULT_RETRY, {
      signal: deps.signal,
    });
    if (running === false || (running === null && wasReleased)) return;
    if (running === null) {
      deps.logger.info('the target does not show running writes; waiting for the longest they may take', {
        maxWriteMs: settings.maxWriteMs,
      });
      await sleep(settings.maxWriteMs, deps.signal);
      return;
    }
    await sleep(DRAIN_POLL_MS, deps.signal);
  }
}

function foreign(settings: OwnershipSettings, found: ProgressDocument, url: string): WaybillError {
  return new WaybillError(
    'LOAD_FOREIGN',
    `the target ${url} holds the progress of another stream (${String(found.stream)}) under load ${settings.load}`,
    { hint: 'Choose another --load, or another target.', context: { load: settings.load } },
  );
}
