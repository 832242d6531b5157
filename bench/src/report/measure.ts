/** One line of the report. Times in seconds, rates in events a second, memory in bytes. */
export interface Measure {
  readonly name: string;
  readonly unit: 's' | 'events/s' | 'bytes' | 'ms';
  /** One figure per round, in the order they ran. */
  readonly waybill: readonly number[];
  /** The peer's figure of the same round; empty if there is no peer. */
  readonly peer: readonly number[];
  readonly peerName: string;
  /**
   * Limits Waybill ÷ peer, or the figure itself if there is no peer, with `atMost` or `atLeast`.
   * Without a bound the measure is only shown.
   */
  readonly bound?: Bound;
  readonly note?: string;
}

export interface Bound {
  readonly direction: 'atMost' | 'atLeast';
  readonly must: number;
  readonly aim: number;
}

export interface Judged extends Measure {
  /**
   * The value that a bound is held against: the median of the rounds' ratios, or of the figures.
   */
  readonly value: number;
  readonly verdict: 'aim' | 'must' | 'missed' | 'no bound';
}

export function judge(measure: Measure): Judged {
  const figures =
    measure.peer.length === 0
      ? measure.waybill
      : measure.waybill.map((figure, round) => figure / (measure.peer[round] as number));
  const value = median(figures);
  return { ...measure, value, verdict: measure.bound ? verdictOf(value, measure.bound) : 'no bound' };
}

function verdictOf(value: number, { direction, must, aim }: Bound): Judged['verdict'] {
  const reaches = (bound: number): boolean => (direction === 'atMost' ? value <= bound : value >= bound);
  return reaches(aim) ? 'aim' : reaches(must) ? 'must' : 'missed';
}

function median(figures: readonly number[]): number {
  return percentile(figures, 0.5);
}

/** A percentile by nearest rank. */
export function percentile(figures: readonly number[], part: number): number {
  const sorted = [...figures].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(sorted.length * part) - 1))] as number;
}
