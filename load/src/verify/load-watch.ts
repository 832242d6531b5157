/**
 * Watches a load from outside: does it run, and up to which time of the source has it applied
 * everything?
 */
import { type ClusterTime, parseClusterTime } from '@waybill/shared/base/position';
import { DEFAULT_RETRY, retry } from '@waybill/shared/base/retry';
import { lanePrefix, ownerId } from '../progress/keys.ts';
import { blockedIn } from '../structure/blocked.ts';
import { type IndexState, Registry } from '../structure/registry.ts';
import type { CollectionHolder, ProgressDocument, ProgressStore } from '../target/progress-store.ts';

export interface LoadSight {
  /** Whose load of that name is on the target: this stream's, another one's, or nobody's. */
  readonly owner: 'ours' | 'foreign' | 'none';
  /**
   * It showed signs of life lately. A killed process counts as running until its silence is long
   * enough.
   */
  readonly runs: boolean;
  /** Milliseconds since the last sign of life that this has seen; null where it does not run. */
  readonly silentMs: number | null;
  /** Every change of the source up to this time is applied. Null before the changes. */
  readonly applied: ClusterTime | null;
}

/**
 * Silence beyond the owner's lease, within which it confirms itself several times. Milliseconds.
 */
const SILENCE_MARGIN_MS = 2000;
const DEFAULT_LEASE_MS = 5000;

/** A key for an index of any collection. */
export const indexKey = (namespace: string, name: string): string => JSON.stringify([namespace, name]);

/** A key for an option; for a view as a whole, without a name. */
export const optionKey = (namespace: string, name: string): string =>
  JSON.stringify([namespace, name, 'option']);

/** What loads know of the target. Namespaces are the target's. */
export interface KnownStructure {
  /** The state of each index that the load knows, by {@link indexKey}. */
  readonly states: ReadonlyMap<string, IndexState>;
  /** What the target refuses, and why, by {@link indexKey} and {@link optionKey}. */
  readonly blocked: ReadonlyMap<string, string>;
  /** Collections of other loads, by namespace. */
  readonly others: ReadonlyMap<string, CollectionHolder>;
}

export const NOTHING_KNOWN: KnownStructure = { states: new Map(), blocked: new Map(), others: new Map() };

export class LoadWatch {
  readonly #store: ProgressStore;
  readonly #load: string;
  readonly #stream: string;
  #signs = '';
  #signAt = 0;

  /** `stream`: {@link streamIdentityText}. */
  constructor(store: ProgressStore, load: string, stream: string) {
    this.#store = store;
    this.#load = load;
    this.#stream = stream;
  }

  async look(signal: AbortSignal): Promise<LoadSight> {
    const [owners, lanes] = await retry(
      () => Promise.all([this.#store.find(ownerId(this.#load)), this.#store.find(lanePrefix(this.#load))]),
      DEFAULT_RETRY,
      { signal },
    );
    const owner = owners.find(({ _id }) => _id === ownerId(this.#load));
    if (!owner) return { owner: 'none', ...NOT_RUNNING };
    if (owner.stream !== this.#stream) return { owner: 'foreign', ...NOT_RUNNING };
    const silentMs = this.#silentMs(owner);
    return { owner: 'ours', runs: silentMs !== null, silentMs, applied: appliedBy(lanes) };
  }

  /** Which of these collections other loads hold, of any stream. */
  async others(namespaces: readonly string[], signal: AbortSignal): Promise<KnownStructure['others']> {
    const ask = () => this.#store.holders(namespaces);
    const holders = await retry(ask, DEFAULT_RETRY, { signal });
    const theirs = holders.filter(({ load }) => load !== this.#load);
    return new Map(theirs.map((holder) => [holder.namespace, holder]));
  }

  /** What the load knows of the target's structure. Nothing where the load there is not ours. */
  async structure(signal: AbortSignal): Promise<Omit<KnownStructure, 'others'>> {
    if ((await this.look(signal)).owner !== 'ours') return NOTHING_KNOWN;
    const registry = await retry(() => Registry.open(this.#store, this.#load), DEFAULT_RETRY, { signal });
    const records = registry.all();
    return {
      states: new Map(
        records.flatMap(({ namespace, indexes }) =>
          indexes.map(({ name, state }) => [indexKey(namespace, name), state] as const),
        ),
      ),
      blocked: new Map(
        records
          .flatMap(blockedIn)
          .map(({ namespace, kind, name, reason }) => [
            (kind === 'index' ? indexKey : optionKey)(namespace, name),
            reason,
          ]),
      ),
    };
  }

  /** The owner confirms itself by its own clock. Only that the time moves matters here. */
  #silentMs({ released, epoch, confirmedAt, leaseMs }: ProgressDocument): number | null {
    if (released === true) return null;
    const signs = `${epoch} ${confirmedAt instanceof Date ? confirmedAt.getTime() : ''}`;
    const now = performance.now();
    if (signs !== this.#signs) {
      this.#signs = signs;
      this.#signAt = now;
    }
    const silentMs = now - this.#signAt;
    return silentMs < (Number(leaseMs) || DEFAULT_LEASE_MS) + SILENCE_MARGIN_MS ? silentMs : null;
  }
}

const NOT_RUNNING = { runs: false, silentMs: null, applied: null } as const;

function appliedBy(lanes: readonly ProgressDocument[]): ClusterTime | null {
  let slowest: ClusterTime | null = null;
  for (const { clusterTime } of lanes) {
    const time = typeof clusterTime === 'string' ? parseClusterTime(clusterTime) : undefined;
    if (time === undefined) return null;
    if (slowest === null || time < slowest) slowest = time;
  }
  return slowest;
}
