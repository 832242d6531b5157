/** Every failure that a user can meet is a WaybillError with a code of error-codes.ts. */

import { ERROR_CODES, type ErrorCode, type ErrorKind, EXIT_CODES } from './error-codes.ts';

/** What the error concerns. Never a document, a credential or a token. */
export type ErrorContext = Readonly<Record<string, string | number | boolean | undefined>>;

export interface ErrorDetails {
  /** The next command or action for the operator. */
  readonly hint?: string | undefined;
  readonly context?: ErrorContext | undefined;
  readonly cause?: unknown;
  /**
   * Set it if one code has two cases: a lost server that was never there, for example. Default: the
   * code's kind.
   */
  readonly kind?: ErrorKind | undefined;
}

export class WaybillError extends Error {
  override readonly name = 'WaybillError';
  readonly code: ErrorCode;
  readonly kind: ErrorKind;
  readonly hint: string | undefined;
  readonly context: ErrorContext;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.kind = details.kind ?? ERROR_CODES[code].kind;
    this.hint = details.hint;
    this.context = details.context ?? {};
  }

  get exitCode(): number {
    return EXIT_CODES[this.kind];
  }
}

export function hasCode(error: unknown, ...codes: readonly ErrorCode[]): error is WaybillError {
  return error instanceof WaybillError && codes.includes(error.code);
}

export function isTransient(error: unknown): boolean {
  return error instanceof WaybillError && error.kind === 'transient';
}
