/**
 * What operators tell a load, running or not, by notes in its log (`waybill control`). The latest
 * word holds, also for later starts. A load that has acted on all of them records `obeyed`. Pure.
 */
import type { Milestone, MilestoneName } from '@waybill/shared/manifest/commit';
import { milestoneOf, type StreamState } from '@waybill/shared/manifest/state';
import { AS_STARTED, formatRateLimit, type RateLimit } from './limit.ts';

export interface Control {
  /** Null: nobody has set one, so that of the load's start holds. */
  readonly limit: RateLimit | null;
  readonly paused: boolean;
  /** A load has acted on it, or there is nothing to act on. */
  readonly isObeyed: boolean;
}

/** The same for people and scripts. */
export interface ControlState {
  /** `none`: no limit. `default`: that of the load's start. */
  readonly maxWriteRate: string;
  readonly paused: boolean;
}

/** A word to a load. Rate null: back to that of its start. */
export type Word =
  | { readonly kind: 'rate-set'; readonly rate: RateLimit | null }
  | { readonly kind: 'paused' | 'resumed' };

const WORDS: readonly MilestoneName[] = ['rate-set', 'paused', 'resumed'] satisfies Word['kind'][];

export function controlOf(log: StreamState): Control {
  const { milestones } = log;
  const latest = (...names: readonly MilestoneName[]): number =>
    milestones.findLastIndex(({ name }) => names.includes(name));
  return {
    limit: limitOf(milestoneOf(log, 'rate-set')),
    paused: milestones[latest('paused', 'resumed')]?.name === 'paused',
    isObeyed: latest(...WORDS) <= latest('obeyed'),
  };
}

export function controlState({ limit, paused }: Control): ControlState {
  return { maxWriteRate: limit ? formatRateLimit(limit) : AS_STARTED, paused };
}

export function noteOf(word: Word): Milestone {
  const rate = word.kind === 'rate-set' ? word.rate : null;
  return {
    name: word.kind,
    at: new Date().toISOString(),
    clusterTime: null,
    sequence: null,
    ...(rate && { evidence: { documentsPerSecond: rate.documents, bytesPerSecond: rate.bytes } }),
  };
}

function limitOf(set: Milestone | undefined): RateLimit | null {
  if (!set?.evidence) return null;
  const { documentsPerSecond, bytesPerSecond } = set.evidence;
  const part = (value: unknown): number | null => (typeof value === 'number' && value > 0 ? value : null);
  return { documents: part(documentsPerSecond), bytes: part(bytesPerSecond) };
}
