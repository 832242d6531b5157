/** How fast a kind of target may be written. load/src/rate acts on it. */

/** Writes to a collection begin slowly: the target spreads it over more machines as they grow. */
export interface RampRules {
  /** Documents a second at which a collection begins. */
  readonly startPerSecond: number;
  /** The rate grows by this factor while the target stays well and the rate is used. */
  readonly growth: number;
  readonly everyMs: number;
}

export interface RateRules {
  /** Null: a collection takes writes at once as fast as it ever will. */
  readonly ramp: RampRules | null;
  /** A batch that takes longer tells that the target has too much to do. Milliseconds. */
  readonly slowMs: number;
  /**
   * It stores neighbouring `_id`s together, so the snapshot is written at distant ranges at once.
   */
  readonly spreadsRanges: boolean;
}

/** Push back or latency alone slow the load down. */
export const NO_RAMP: RateRules = { ramp: null, slowMs: 10_000, spreadsRanges: false };
