import type { ServerCodeName } from '@waybill/shared/mongo/driver/server-codes';

/**
 * transient: the same write may succeed later. split: a smaller batch may succeed. recoverable:
 * another statement may bring the same document there; without one it is poison. poison: the target
 * refuses this document for good. fatal: no write of this kind can succeed. fenced: another process
 * owns the load.
 */
export type ErrorClass = 'transient' | 'split' | 'recoverable' | 'poison' | 'fatal' | 'fenced';

/** A whole command failed, or one statement of a command that did the others. */
export type FailedPart = 'command' | 'statement';

export interface ErrorRule {
  readonly code: ServerCodeName;
  /** Only where this part failed. Without it: both. */
  readonly of?: FailedPart;
  /** Only where the server's words match. */
  readonly text?: RegExp;
  readonly class: ErrorClass;
  /** Of a split: what the target takes less of. Without it: both. */
  readonly learns?: 'bytes' | 'statements';
  /** The target asks for fewer writes. */
  readonly pushesBack?: true;
  /** Why it has this class: for the manual. */
  readonly reason: string;
  /** What an operator can do, where the error ends the load. */
  readonly hint?: string;
}

/** As {@link ErrorRule}, by a label of the error. */
export interface LabelRule extends Omit<ErrorRule, 'code' | 'of' | 'text'> {
  readonly label: string;
}

/** Of a target with a time limit of its own, which smaller batches keep to. */
export const SPLIT_AT_DEADLINE: ErrorRule = {
  code: 'ExceededTimeLimit',
  of: 'command',
  class: 'split',
  pushesBack: true,
  reason: "the batch met the server's own time limit; half of it takes less",
};
