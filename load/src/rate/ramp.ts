/**
 * The rate that each collection may be written at, for targets that must be warmed up. It grows in
 * steps while the target stays well and the load uses all of it, and is halved when the target
 * pushes back. A collection that is written slowly never meets it.
 */
import type { Logger } from '@waybill/shared/base/logger';
import type { RampRules } from '../target/rules/rate.ts';
import { Bursts } from './bursts.ts';
import { TokenBucket } from './token-bucket.ts';

/** The share of its start below which no rate falls: a load that is pushed back still gets on. */
const LEAST_SHARE = 0.1;

interface Collection {
  readonly bucket: TokenBucket;
  readonly bursts: Bursts;
  /** When the step began. It begins again when the target does not stay well. */
  since: number;
  /** A batch had to wait in this step. */
  isUsed: boolean;
}

export class Ramp {
  readonly #rules: RampRules;
  readonly #logger: Logger;
  readonly #collections = new Map<string, Collection>();

  constructor(rules: RampRules, logger: Logger) {
    this.#rules = rules;
    this.#logger = logger;
  }

  perSecond(namespace: string): number | null {
    return this.#collections.get(namespace)?.bucket.perSecond ?? null;
  }

  /** Milliseconds until the collection may be sent its next batch; 0: now. */
  delayMs(namespace: string, now: number): number {
    const collection = this.#grown(namespace, now);
    const delayMs = collection.bucket.delayMs(now);
    if (delayMs > 0) collection.isUsed = true;
    return delayMs;
  }

  /** Returns the round, for {@link end}. */
  begin(namespace: string, documents: number, now: number): number {
    const { bucket, bursts } = this.#of(namespace, now);
    bucket.take(documents, now);
    return bursts.begin();
  }

  end(namespace: string, round: number): void {
    this.#collections.get(namespace)?.bursts.end(round);
  }

  pushedBack(namespace: string, now: number): void {
    const collection = this.#of(namespace, now);
    this.#beginStep(collection, now);
    if (!collection.bursts.counts()) return;
    const { startPerSecond } = this.#rules;
    const before = collection.bucket.perSecond ?? startPerSecond;
    const documentsPerSecond = Math.max(startPerSecond * LEAST_SHARE, before / 2);
    if (documentsPerSecond === before) return;
    collection.bucket.setRate(documentsPerSecond, now);
    this.#tell('warn', 'the target pushes back: fewer writes a second', namespace, documentsPerSecond);
  }

  /** The target is not well, but asks for nothing: the rate stays for another step. */
  wasSlow(namespace: string, now: number): void {
    this.#beginStep(this.#of(namespace, now), now);
  }

  #grown(namespace: string, now: number): Collection {
    const collection = this.#of(namespace, now);
    if (now - collection.since < this.#rules.everyMs) return collection;
    if (collection.isUsed) {
      const { growth, startPerSecond } = this.#rules;
      const documentsPerSecond = (collection.bucket.perSecond ?? startPerSecond) * growth;
      collection.bucket.setRate(documentsPerSecond, now);
      this.#tell('info', 'the target stays well: more writes a second', namespace, documentsPerSecond);
    }
    this.#beginStep(collection, now);
    return collection;
  }

  #tell(level: 'info' | 'warn', message: string, namespace: string, perSecond: number): void {
    this.#logger[level](message, { namespace, documentsPerSecond: Math.round(perSecond) });
  }

  #of(namespace: string, now: number): Collection {
    let collection = this.#collections.get(namespace);
    if (!collection) {
      const bucket = new TokenBucket(this.#rules.startPerSecond);
      collection = { bucket, bursts: new Bursts(), since: now, isUsed: false };
      this.#collections.set(namespace, collection);
    }
    return collection;
  }

  #beginStep(collection: Collection, now: number): void {
    collection.since = now;
    collection.isUsed = false;
  }
}
