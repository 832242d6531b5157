/**
 * How a load passes from its old owner to a new one. ownership.ts has the picture and the reasons.
 */
import { createHash, randomUUID } from 'node:crypto';
import { sleep } from '@waybill/shared/base/lifecycle';
import type { Logger } from '@waybill/shared/base/logger';
import { isCertainlyDead, processIdentity, writerName } from '@waybill/shared/base/process-identity';
import { DEFAULT_RETRY, retry } from '@waybill/shared/base/retry';
import { fencedError } from '../target/fenced.ts';
import { tellNotWritten } from '../target/not-written.ts';
import type { ProgressDocument, ProgressValue } from '../target/progress-store.ts';
import { type LoadTarget, PROGRESS_WRITES } from '../target/target.ts';
import { ownerId, slotId } from './keys.ts';
import { foreignLoad } from './target-bond.ts';

export interface OwnershipSettings {
  readonly load: string;
  /** Identity of the stream: {@link streamIdentityText}. */
  readonly stream: string;
  /**
   * Key of the bond between the load's log and this target (target-bond.ts). Null: a cutover takes
   * the load over to end it, and keeps what the owner document says of the load itself.
   */
  readonly bond: string | null;
  readonly epoch: number;
  readonly confirmMs: number;
  readonly leaseMs: number;
  /** Batches under way at once, at most. */
  readonly workers: number;
}

export interface OwnershipDeps {
  readonly target: Pick<
    LoadTarget,
    | 'keepShutOut'
    | 'login'
    | 'maxWriteMs'
    | 'mayStillWrite'
    | 'olderWritesRun'
    | 'progress'
    | 'shutOut'
    | 'url'
  >;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Further fields that the owner document tells, renewed with each confirmation. */
  readonly says?: (() => Readonly<Record<string, ProgressValue>>) | undefined;
}

/**
 * Bytes that a process handed to its kernel before it stopped or died may still reach the server.
 */
const UNDER_WAY_MS = 750;
const DRAIN_POLL_MS = 100;

/** Fields of the owner document that {@link LoadTarget.shutOut} needs. */
interface FenceFields {
  readonly fenceKey: string;
  /** The most writes that any owner could have under way, the latest included. */
  readonly slots: number;
}

export interface Raised {
  /** The owner document as it was; null for a load that nobody has run yet. */
  readonly previous: ProgressDocument | null;
  readonly fence: FenceFields;
  /** {@link Target.login}, hashed. */
  readonly login: string | null;
  /** When the raising write began, by our monotonic clock. */
  readonly at: number;
}

/**
 * Compares and sets the owner document: what was read of the old owner is what was replaced.
 */
export async function raise(settings: OwnershipSettings, deps: OwnershipDeps): Promise<Raised> {
  const { load, stream, bond, epoch } = settings;
  const store = deps.target.progress;
  const id = ownerId(load);
  let previous: ProgressDocument | null = null;
  return retry(
    async () => {
      const name = await deps.target.login();
      const login = name === null ? null : createHash('sha256').update(name).digest('hex');
      for (;;) {
        const [found] = (await store.find(id)).filter((document) => document._id === id);
        const before = found ?? null;
        if (before && before.stream !== stream) throw foreignLoad(load, before, deps.target.url);
        const had = before ? Number(before.epoch) : 0;
        // An earlier attempt of ours that succeeded without our hearing of it.
        const isOurs = had === epoch && before?.writer === writerName();
        if (!isOurs && had >= epoch) throw fencedError(load, epoch);
        if (!isOurs) previous = before;
        const fence = fenceFields(before, settings);
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
              ...fence,
              leaseMs: settings.leaseMs,
              confirmedAt: new Date(),
              ...(bond === null
                ? { cutover: 'under way' }
                : { cutover: null, bond, process: processIdentity(), login, released: false }),
            },
            upsert: before === null,
          },
        ]);
        if (matched === 1) return { previous, fence, login, at };
      }
    },
    DEFAULT_RETRY,
    { signal: deps.signal, onRetry: tellNotWritten(deps.logger) },
  );
}

/**
 * Every owner hands the key on to the next. New progress begins with a new key, whose sessions have
 * seen no number yet.
 */
function fenceFields(before: ProgressDocument | null, { workers }: OwnershipSettings): FenceFields {
  return {
    fenceKey: typeof before?.fenceKey === 'string' ? before.fenceKey : randomUUID(),
    slots: Math.max(Number(before?.slots ?? 0), workers + PROGRESS_WRITES),
  };
}

/**
 * Resolves once no earlier owner writes. True where that is certain, whatever the old process does:
 * it said that it has ended, or is gone, or the server refuses its writes. A server knows it again
 * only by the same login.
 */
export async function expel(
  raised: Raised,
  settings: OwnershipSettings,
  deps: OwnershipDeps,
): Promise<boolean> {
  const refuses = await shutOut(raised.fence, settings, deps);
  const { previous, login } = raised;
  if (!previous) return true;
  await waitOut(previous, settings, deps);
  await drain(settings, previous.released === true, deps);
  return hasEnded(previous) || (refuses && login !== null && previous.login === login);
}

/** The load of this owner document said that it has ended, or its process is certainly gone. */
export function hasEnded({ released, process }: ProgressDocument): boolean {
  return released === true || (typeof process === 'string' && isCertainlyDead(process));
}

async function shutOut(
  { fenceKey, slots }: FenceFields,
  { load, epoch, workers, leaseMs }: OwnershipSettings,
  { target, logger }: OwnershipDeps,
): Promise<boolean> {
  const isFenced = await target.shutOut({
    tag: { load, epoch },
    key: fenceKey,
    slots: workers + PROGRESS_WRITES,
    allSlots: slots,
    documentOf: (slot) => slotId(load, slot),
  });
  if (!isFenced) {
    const text = 'the target cannot refuse writes of an earlier owner; only its lease keeps them out';
    logger.info(text, { leaseMs });
  }
  return isFenced;
}

async function waitOut(
  previous: ProgressDocument,
  settings: OwnershipSettings,
  deps: OwnershipDeps,
): Promise<void> {
  if (previous.released === true) return;
  const isDead = hasEnded(previous);
  const leaseMs = isDead ? 0 : Math.max(Number(previous.leaseMs) || 0, settings.leaseMs);
  if (!isDead) {
    deps.logger.info('waiting until the previous owner of the load can no longer write', {
      previous: String(previous.writer),
      leaseMs,
    });
  }
  await sleep(leaseMs + UNDER_WAY_MS, deps.signal);
}

/**
 * A server ends every write after a time, so this takes no longer than the server's longest write.
 * A released load has no write left.
 */
async function drain(
  { load, epoch }: OwnershipSettings,
  wasReleased: boolean,
  deps: OwnershipDeps,
): Promise<void> {
  for (;;) {
    const running = await retry(() => deps.target.olderWritesRun({ load, epoch }), DEFAULT_RETRY, {
      signal: deps.signal,
    });
    if (running === false || (running === null && wasReleased)) return;
    if (running === null) {
      const text = 'the target does not show running writes; waiting for the longest they may take';
      deps.logger.info(text, {
        maxWriteMs: deps.target.maxWriteMs,
      });
      await sleep(deps.target.maxWriteMs, deps.signal);
      return;
    }
    await sleep(DRAIN_POLL_MS, deps.signal);
  }
}
