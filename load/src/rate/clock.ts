/** The time that limits and ramps go by. Tests have one of their own. */
export interface Clock {
  /** Milliseconds, and never steps back. */
  now(): number;
  /** Calls back once. Returns what takes that back. */
  after(ms: number, call: () => void): () => void;
}

export const MONOTONIC: Clock = {
  now: () => performance.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
};
