/**
 * The patterns that decide what a stream takes. `include` is as the stream was created; `exclude`
 * may have grown since. If `exclude` is more than the stream was created with, each start of a
 * capture records all of it with `capture-started`. From that commit on, nothing that the added
 * patterns match is captured. A comparison with the stream leaves it out.
 */
import type { Milestone, StreamIdentity } from './commit.ts';
import { milestoneOf, type StreamState } from './state.ts';

export interface StreamPatterns {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

export function streamPatterns({ include, exclude }: StreamIdentity, state: StreamState): StreamPatterns {
  const grown = milestoneOf(state, 'capture-started')?.evidence?.exclude;
  return { include, exclude: grown === undefined ? exclude : patternsIn(grown) };
}

/** Evidence for `capture-started`. Patterns may hold any character, so the list is JSON. */
export function excludeEvidence(
  identity: StreamIdentity,
  exclude: readonly string[],
): NonNullable<Milestone['evidence']> {
  return excludesAll(identity.exclude, exclude) ? {} : { exclude: JSON.stringify(exclude) };
}

/** True if `these` has all of `others`. */
export function excludesAll(these: readonly string[], others: readonly string[]): boolean {
  return others.every((pattern) => these.includes(pattern));
}

/** Reads a list of patterns from evidence. The list is empty if the evidence has none. */
export function patternsIn(value: unknown): readonly string[] {
  return typeof value === 'string' ? (JSON.parse(value) as string[]) : [];
}
