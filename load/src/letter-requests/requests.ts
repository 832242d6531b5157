/**
 * An operator asks the load for something about its dead letters, by a note in the load's log. The
 * load's owner does it and answers there. A request without an answer is done by the next owner, so
 * no crash loses one.
 */
import { randomUUID } from 'node:crypto';
import { hostname, userInfo } from 'node:os';
import type { Milestone } from '@waybill/shared/manifest/commit';
import type { StreamState } from '@waybill/shared/manifest/state';
import { NamespaceFilter } from '@waybill/shared/mongo/facts/namespace-filter';
import type { Letter } from '../letters/letter.ts';

/** Which letters are meant: those that fit everything that is given. */
export interface LetterChoice {
  /** Patterns of names on the target. */
  readonly namespaces: readonly string[];
  readonly rules: readonly string[];
  readonly numbers: readonly number[];
}

export interface LetterRequest extends LetterChoice {
  readonly id: string;
  readonly action: 'retry' | 'discard';
}

/** How many letters became what. */
export interface LetterAnswer {
  readonly retried: number;
  /** Retries of deletes that would have met another document. */
  readonly superseded: number;
  readonly refused: number;
  /** Of collections that the target does not have now. */
  readonly left: number;
  readonly discarded: number;
  /** The rules of those that were refused again, with counts. */
  readonly rules: Readonly<Record<string, number>>;
}

/** @throws CONFIG_INVALID for an invalid pattern */
export function fits(
  choice: LetterChoice,
): (letter: Pick<Letter, 'namespace' | 'number' | 'rule'>) => boolean {
  const { namespaces, rules, numbers } = choice;
  const filter = new NamespaceFilter({ include: namespaces });
  return ({ namespace, number, rule }) =>
    (namespaces.length === 0 || filter.matches(namespace)) &&
    (rules.length === 0 || rules.includes(rule)) &&
    (numbers.length === 0 || numbers.includes(number));
}

export function newRequest(
  action: LetterRequest['action'],
  { namespaces, rules, numbers }: LetterChoice,
  reason: string | null,
): { readonly id: string; readonly milestone: Milestone } {
  const id = randomUUID();
  const choice = {
    namespaces: JSON.stringify(namespaces),
    rules: JSON.stringify(rules),
    numbers: JSON.stringify(numbers),
  };
  const evidence = { request: id, action, ...choice, by: operator(), ...(reason !== null && { reason }) };
  return { id, milestone: milestone('dead-letters-asked', evidence) };
}

/** The person, as far as this machine knows. */
function operator(): string {
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    // A container may have no name for its user.
    return hostname();
  }
}

export function answerMilestone(
  { id, action }: LetterRequest,
  { rules, ...counts }: LetterAnswer,
): Milestone {
  return milestone('dead-letters-answered', { request: id, action, ...counts, rules: JSON.stringify(rules) });
}

function milestone(name: Milestone['name'], evidence: NonNullable<Milestone['evidence']>): Milestone {
  return { name, at: new Date().toISOString(), clusterTime: null, sequence: null, evidence };
}

export function answerTo({ milestones }: Pick<StreamState, 'milestones'>, id: string): LetterAnswer | null {
  const found = milestones.find(
    (each) => each.name === 'dead-letters-answered' && each.evidence?.request === id,
  );
  if (!found) return null;
  const count = (name: string): number => Number(found.evidence?.[name] ?? 0);
  return {
    retried: count('retried'),
    superseded: count('superseded'),
    refused: count('refused'),
    left: count('left'),
    discarded: count('discarded'),
    rules: parsed(found.evidence?.rules, {}),
  };
}

/** In the order in which they came. */
export function openRequests({ milestones }: Pick<StreamState, 'milestones'>): LetterRequest[] {
  const answered = new Set(
    milestones
      .filter(({ name }) => name === 'dead-letters-answered')
      .map(({ evidence }) => evidence?.request),
  );
  return milestones
    .filter(({ name, evidence }) => name === 'dead-letters-asked' && !answered.has(evidence?.request))
    .map(({ evidence = {} }) => ({
      id: String(evidence.request),
      action: evidence.action === 'discard' ? 'discard' : 'retry',
      namespaces: parsed(evidence.namespaces, []),
      rules: parsed(evidence.rules, []),
      numbers: parsed(evidence.numbers, []),
    }));
}

function parsed<T>(text: unknown, otherwise: T): T {
  return typeof text === 'string' ? (JSON.parse(text) as T) : otherwise;
}
