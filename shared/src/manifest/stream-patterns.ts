/**
 * What a stream takes, as patterns. `include` is as the stream was created; `exclude` may have
 * grown since: each start of a capture records all of it with `capture-started`, where it is more
 * than the stream was created with. From that commit on nothing of what was added is captured, and
 * whoever compares the stream with something leaves it out.
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

/** For `capture-started`. Patterns may hold any character, so the list is JSON. */
export function excludeEvidence(
  identity: StreamIdentity,
  exclude: readonly string[],
): NonNullable<Milestone['evidence']> {
  return excludesAll(identity.exclude, exclude) ? {} : { exclude: JSON.stringify(exclude) };
}

/** Whether every one of the second stands in the first. */
export function excludesAll(these: readonly string[], others: readonly string[]): boolean {
  return others.every((pattern) => these.includes(pattern));
}

/** A list of patterns as evidence has it; none where there is none. */
export function patternsIn(value: unknown): readonly string[] {
  return typeof value === 'string' ? (JSON.parse(value) as string[]) : [];
}
