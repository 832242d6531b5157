/** Counting with the dead letters of a load's log. Pure. */
import type { DeadLetterFile, LetterCounts } from './dead-letter-file.ts';
import type { DeadLetters } from './state.ts';

/** A commit that has dead letters, or asks for some, says so: older readers refuse it as newer. */
export const DEAD_LETTERS_FEATURE = 'dead-letters';

export const NO_LETTERS: LetterCounts = { opened: 0, superseded: 0, deleted: 0, retried: 0, discarded: 0 };

export function addCounts(one: LetterCounts, other: LetterCounts): LetterCounts {
  return {
    opened: one.opened + other.opened,
    superseded: one.superseded + other.superseded,
    deleted: one.deleted + other.deleted,
    retried: one.retried + other.retried,
    discarded: one.discarded + other.discarded,
  };
}

export function openLetters({ opened, superseded, deleted, retried, discarded }: LetterCounts): number {
  return opened - superseded - deleted - retried - discarded;
}

/** By rule; without the rules that have none open. */
export function openByRule(letters: DeadLetters | null): ReadonlyMap<string, number> {
  const open = Object.entries(letters?.rules ?? {}).map(
    ([rule, counts]) => [rule, openLetters(counts)] as const,
  );
  return new Map(open.filter(([, count]) => count > 0).sort(([a], [b]) => (a < b ? -1 : 1)));
}

export function allOpen(letters: DeadLetters | null): number {
  return openByRule(letters)
    .values()
    .reduce((sum, count) => sum + count, 0);
}

/** What the state knows after one more file. */
export function foldLetters(
  before: DeadLetters | null,
  file: DeadLetterFile | undefined,
): DeadLetters | null {
  if (!file) return before;
  const rules = { ...before?.rules };
  for (const [rule, counts] of Object.entries(file.rules)) {
    rules[rule] = addCounts(rules[rule] ?? NO_LETTERS, counts);
  }
  return {
    letters: file.firstLetter + file.letters - 1,
    rules,
    files: [...(before?.files ?? []), file],
  };
}
