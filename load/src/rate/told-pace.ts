/** The pace of a running load, as it stands with its ownership on the target for others to see. */
import type { Pace } from '@waybill/shared/base/stats';
import type { ProgressDocument, ProgressValue } from '../target/progress-store.ts';
import { formatRateLimit } from './limit.ts';

export interface ToldPace {
  /** Batches that may be under way at once: now, and at most. */
  readonly atOnce: number;
  readonly atOnceMost: number;
  /** The limit in force; `none` without one. */
  readonly maxWriteRate: string;
  /** Documents a second that the target's ramp allows the collection written last. */
  readonly rampPerSecond: number | null;
  /** Since the process of the load began. */
  readonly pushBacks: number;
}

export function paceFields(pace: Pace): Readonly<Record<string, ProgressValue>> {
  const { atOnce, atOnceMost, rampPerSecond, pushBacks, documentsPerSecond, bytesPerSecond } = pace;
  const maxWriteRate = formatRateLimit({ documents: documentsPerSecond, bytes: bytesPerSecond });
  // As text: numbers of another kind than the ones written come back from some targets.
  const told: ToldPace = { atOnce, atOnceMost, maxWriteRate, rampPerSecond, pushBacks };
  return { pace: JSON.stringify(told) };
}

/** Null where no load runs, or none that tells it. */
export function toldPace(owner: ProgressDocument | null): ToldPace | null {
  if (!owner || owner.released === true || typeof owner.pace !== 'string') return null;
  const { atOnceMost, ...rest } = JSON.parse(owner.pace) as ToldPace;
  return atOnceMost > 0 ? { ...rest, atOnceMost } : null;
}
