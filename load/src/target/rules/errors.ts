/**
 * What the error of a target means for a load. One table for MongoDB (base-errors.ts); a kind of
 * target puts rules of its own before it. Pure, and asked only after a failure.
 */
import { SERVER_CODES } from '@waybill/shared/mongo/driver/server-codes';
import { BASE_ERRORS, LABEL_ERRORS } from './base-errors.ts';
import type { ErrorRule, FailedPart } from './error-rule.ts';

export interface ErrorFacts {
  readonly of: FailedPart;
  readonly code: number;
  readonly labels: readonly string[];
  /** The server's words. */
  readonly message: string;
}

export type Verdict = Omit<ErrorRule, 'code' | 'of' | 'text'>;

/**
 * Nobody has listed the code. One statement alone was refused; for a whole command, halves find the
 * statement, or show that there is none.
 */
export const UNLISTED: Verdict = { class: 'poison', reason: 'nobody has listed it' };

/**
 * In this order: the kind's own rules, the fence, labels, the table by code. A label says what a
 * server knows better than a code: that a retry is safe.
 */
export function verdictOn(own: readonly ErrorRule[], facts: ErrorFacts): Verdict {
  const listed = BASE_ERRORS.find((rule) => matches(rule, facts));
  const labelled = LABEL_ERRORS.find(({ label }) => facts.labels.includes(label));
  return (
    own.find((rule) => matches(rule, facts)) ??
    (listed?.class === 'fenced' ? listed : undefined) ??
    (listed && labelled ? bothSay(listed, labelled) : undefined) ??
    labelled ??
    listed ??
    UNLISTED
  );
}

/** A code that is no refusal says more than a label: to send less, or smaller batches. */
function bothSay(listed: Verdict, labelled: Verdict): Verdict | undefined {
  if (listed.class !== 'transient' && listed.class !== 'split') return undefined;
  return labelled.pushesBack ? { ...listed, pushesBack: true } : listed;
}

function matches({ code, of, text }: ErrorRule, facts: ErrorFacts): boolean {
  if (SERVER_CODES[code] !== facts.code || (of !== undefined && of !== facts.of)) return false;
  return text === undefined || text.test(facts.message);
}
