import { Random } from '@waybill/demo/shop/random';

export const FAULTS = [
  /** The request waits before it goes on. */
  'latency',
  /** The connection is reset before the store hears of the request. */
  'reset-before',
  /** It is reset, on both sides, in the middle of the request's body. */
  'reset-in-request',
  /** It is reset in the middle of the answer's body. */
  'reset-in-answer',
  /** The answer's body ends too early, by an orderly end of the connection. */
  'truncated',
  /**
   * The store did it, but its answer never comes: the connection stays silent for a while, then is
   * reset.
   */
  'lost-answer',
  /** 500. In half the cases the store did what was asked. */
  'error-500',
  /** 503 SlowDown. */
  'slow-down',
  /** 429. */
  'too-many',
  /** A reader doesn't see an object that was just put for the first time. */
  'stale-missing',
  /** A list doesn't show it. */
  'stale-list',
] as const;

export type Fault = (typeof FAULTS)[number];

/**
 * The share of requests that each fault hits, 0 to 1; together at most 1. What is not named does
 * not happen.
 */
export type FaultRates = Partial<Readonly<Record<Fault, number>>>;

/** A connection that now and then breaks in every way. The test decides how stale its store is. */
export const BREAKING: FaultRates = {
  latency: 0.05,
  'reset-before': 0.02,
  'reset-in-request': 0.02,
  'reset-in-answer': 0.02,
  truncated: 0.02,
  'lost-answer': 0.03,
  'error-500': 0.01,
  'slow-down': 0.005,
  'too-many': 0.005,
};

/** These come in bursts: an overloaded store stays overloaded for a while. */
const BURSTS: ReadonlySet<Fault> = new Set(['error-500', 'slow-down', 'too-many']);
const LONGEST_BURST = 5;

/**
 * Draws a fault for each request. The same seed gives the same draws, but concurrent requests may
 * take them in another order.
 */
export class FaultPlan {
  readonly random: Random;
  readonly counts: Record<Fault, number>;
  #rates: FaultRates = {};
  #burst: { readonly fault: Fault; left: number } | undefined;

  constructor(seed: number) {
    this.random = new Random(seed);
    this.counts = Object.fromEntries(FAULTS.map((fault) => [fault, 0])) as Record<Fault, number>;
  }

  set(rates: FaultRates): void {
    this.#rates = rates;
    this.#burst = undefined;
  }

  /** One of the faults that can happen to this request, or none. */
  draw(possible: ReadonlySet<Fault>): Fault | undefined {
    if (this.#burst && this.#burst.left-- > 0) return this.#burst.fault;
    this.#burst = undefined;
    let drawn = this.random.next();
    for (const fault of FAULTS) {
      const rate = possible.has(fault) ? (this.#rates[fault] ?? 0) : 0;
      if (drawn < rate) {
        if (BURSTS.has(fault)) this.#burst = { fault, left: this.random.int(LONGEST_BURST) };
        return fault;
      }
      drawn -= rate;
    }
    return undefined;
  }
}
