/**
 * Turns driver errors into WaybillErrors, once, here: nobody above looks at a driver's error. The
 * cause is a ServerFailure without the server's reply. Server messages quote keys and values of
 * documents, so these are stripped. Two drivers are in use, so errors are told by names and codes,
 * never by `instanceof` of a driver's class.
 */

import type { ErrorCode } from '../../base/error-codes.ts';
import { type ErrorDetails, hasCode, WaybillError } from '../../base/errors.ts';
import { redact } from '../../base/secret.ts';
import {
  isAuthenticationCode,
  isNotSupportedCode,
  isServerCode,
  isTransientServerCode,
  SERVER_CODES,
  type ServerCodeName,
} from './server-codes.ts';

/** The part of a driver's error that is kept: no reply, no document. */
export class ServerFailure extends Error {
  readonly code: number | undefined;
  readonly labels: readonly string[];
  /**
   * CollectionUUIDMismatch only: the name that the collection of that uuid has now, in the database
   * asked; null if it has none there.
   */
  readonly actualCollection: string | null | undefined;
  /**
   * CannotConvertIndexToUnique only: how many keys stand in more than one document, and so keep the
   * index from becoming unique.
   */
  readonly violations: number | undefined;

  constructor(name: string, message: string, facts: FailureFacts) {
    super(message);
    this.name = name;
    this.code = facts.code;
    this.labels = facts.labels;
    this.actualCollection = facts.actualCollection;
    this.violations = facts.violations;
  }
}

interface FailureFacts {
  readonly code: number | undefined;
  readonly codeName: string | undefined;
  readonly labels: readonly string[];
  /** The connection broke: the error has a socket's code. */
  readonly broken?: boolean;
  readonly actualCollection?: string | null | undefined;
  readonly violations?: number | undefined;
}

/** The operation that was attempted, for messages: never a document or a credential. */
export interface Attempted {
  /** Host list of the connection. */
  readonly url: string;
  readonly role: 'source' | 'target';
  readonly command?: string | undefined;
  readonly namespace?: string | undefined;
}

/** The server's error code, also if the error wraps one; undefined if no server answered. */
export function serverCode(error: unknown): number | undefined {
  return failureOf(error)?.code;
}

/** True if a server answered with one of these codes. */
export function hasServerCode(error: unknown, ...names: readonly ServerCodeName[]): boolean {
  return isServerCode(serverCode(error), ...names);
}

/**
 * The server lacks what was asked for. Atlas has one code for a command that a tier does not have,
 * and for credentials that it refuses: those are no fact about a command.
 */
export function saysNotSupported(error: unknown): boolean {
  return isNotSupportedCode(serverCode(error)) && !hasCode(error, 'MONGO_AUTHENTICATION');
}

/** What a server says inside a reply, or would say if it were asked. */
export function refusal(code: number, message: string): WaybillError {
  const cause = new ServerFailure('MongoServerError', message, { code, codeName: undefined, labels: [] });
  return new WaybillError('MONGO_COMMAND_FAILED', message, { context: { serverCode: code }, cause });
}

export function failureOf(error: unknown): ServerFailure | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    if (at instanceof ServerFailure) return at;
  }
  return undefined;
}

const AUTHENTICATION_ERRORS = /^Mongo(?:MissingCredentials|AWS|OIDC|Azure|GCP|GCPMetadata|Kerberos)Error$/;

const TRANSIENT_LABELS = [
  'RetryableWriteError',
  'ResumableChangeStreamError',
  'TransientTransactionError',
  'RetryableError',
  'SystemOverloadedError',
];

const NETWORK_ERRORS: ReadonlySet<string> = new Set([
  'MongoNetworkError',
  'MongoNetworkTimeoutError',
  'MongoPoolClearedError',
  'PoolClearedError',
  'PoolClosedError',
  'MongoPoolClosedError',
  'PoolClearedOnNetworkError',
  'MongoPoolClearedOnNetworkError',
  'WaitQueueTimeoutError',
  'MongoWaitQueueTimeoutError',
  'MongoServerClosedError',
  'MongoOperationTimeoutError',
  'MongoExpiredSessionError',
]);

/**
 * Error codes of sockets. The driver for 4.0 passes them on as they are when a connection breaks in
 * the middle of a command.
 */
const SOCKET_ERRORS: ReadonlySet<unknown> = new Set([
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'EPIPE',
  'ETIMEDOUT',
]);

export function classifyMongoError(error: unknown, attempted: Attempted): WaybillError {
  if (error instanceof WaybillError) return error;
  const facts = factsOf(error);
  const name = error instanceof Error ? error.name : 'Error';
  const text = error instanceof Error ? serverText(error.message, facts.code) : 'not an error object';
  const code = codeFor(name, facts, text);
  const details: ErrorDetails = {
    hint: hintFor(code, attempted, text, facts.code),
    context: {
      command: attempted.command,
      namespace: attempted.namespace,
      serverCode: facts.code,
      codeName: facts.codeName,
    },
    cause: new ServerFailure(name, text, facts),
  };
  return new WaybillError(code, `${summary(code, attempted)}: ${text}`, details);
}

function codeFor(name: string, facts: FailureFacts, text: string): ErrorCode {
  if (name === 'MongoMissingDependencyError' || text.startsWith('Optional module'))
    return 'MONGO_URI_INVALID';
  if (name === 'MongoServerSelectionError') return 'MONGO_UNREACHABLE';
  if (NETWORK_ERRORS.has(name) || facts.broken) return 'MONGO_TRANSIENT';
  if (AUTHENTICATION_ERRORS.test(name)) return 'MONGO_AUTHENTICATION';
  if (facts.code !== undefined) {
    if (isAuthenticationCode(facts.code) || isRefusedByAtlas(facts.code, text)) return 'MONGO_AUTHENTICATION';
    // The server gives the same code for a missing user as for a missing role.
    if (facts.code === SERVER_CODES.Unauthorized) {
      return /requires authentication/.test(text) ? 'MONGO_AUTHENTICATION' : 'MONGO_UNAUTHORIZED';
    }
    if (isTransientServerCode(facts.code)) return 'MONGO_TRANSIENT';
  }
  if (facts.labels.some((label) => TRANSIENT_LABELS.includes(label))) return 'MONGO_TRANSIENT';
  if (name.startsWith('Mongo')) return 'MONGO_COMMAND_FAILED';
  return 'INTERNAL';
}

/** `bad auth : authentication failed`. */
function isRefusedByAtlas(code: number, text: string): boolean {
  return code === SERVER_CODES.AtlasError && /\bauth(?:entication)?\b/i.test(text);
}

function summary(code: ErrorCode, attempted: Attempted): string {
  const what = [attempted.command, attempted.namespace].filter((part) => part !== undefined).join(' on ');
  const where = `the ${attempted.role} ${attempted.url}`;
  switch (code) {
    case 'MONGO_UNREACHABLE':
      return `no usable server answered at ${where}`;
    case 'MONGO_AUTHENTICATION':
      return `${where} refused the credentials`;
    case 'MONGO_UNAUTHORIZED':
      return `${where} does not permit ${what || 'the operation'}`;
    case 'MONGO_URI_INVALID':
      return `the connection string for ${where} asks for a module that is not installed`;
    default:
      return `${what || 'an operation'} failed at ${where}`;
  }
}

/** Hints for failures that the server's own state explains. They end once somebody changes that. */
const STATE_HINTS: ReadonlyMap<number | undefined, string> = new Map([
  [
    SERVER_CODES.WriteConcernFailed,
    'No majority of the members acknowledges writes: those that hold data may be down or far behind. rs.status() shows them.',
  ],
  [
    SERVER_CODES.UserWritesBlocked,
    'Writes of users are blocked there (setUserWriteBlockMode). Whoever blocked them has to lift that; a user with the privilege bypassWriteBlockingMode is let through.',
  ],
]);

export function stateHint(code: number | undefined): string | undefined {
  return STATE_HINTS.get(code);
}

const ROLE_HINTS = {
  source:
    'Grant the user the roles readAnyDatabase and clusterMonitor on admin, on the source: the change stream is that of the whole cluster. docs/sources.md has a smaller role.',
  target:
    'Grant the user the roles readWriteAnyDatabase, dbAdminAnyDatabase and clusterMonitor on admin (or readWrite and dbAdmin on each target database, and readWrite on waybill), on the target. docs/targets.md has a smaller role.',
} as const;

function hintFor(
  code: ErrorCode,
  attempted: Attempted,
  text: string,
  serverCode: number | undefined,
): string | undefined {
  if (serverCode === SERVER_CODES.InvalidViewDefinition) return viewHint(attempted);
  switch (code) {
    case 'MONGO_URI_INVALID':
      return 'The connection string has an option that needs a module which Waybill does not bring. Leave that option out; the compressor zlib needs none.';
    case 'MONGO_UNREACHABLE':
      if (/ENOTFOUND|EAI_AGAIN/.test(text)) {
        return 'A host name cannot be resolved from here: check it. If the replica set announces names that are known only inside its own network, connect to its primary with directConnection=true.';
      }
      return 'Check host, port, TLS options and firewalls; with Atlas and the like, the access list.';
    case 'MONGO_AUTHENTICATION':
      if (/requires authentication/.test(text))
        return 'The connection string has no user; add user and password.';
      return 'Check user, password, authSource and authMechanism. Special characters in a password must be percent-encoded.';
    case 'MONGO_UNAUTHORIZED':
      return ROLE_HINTS[attempted.role];
    case 'MONGO_TRANSIENT':
      return stateHint(serverCode);
    default:
      return undefined;
  }
}

/** An invalid view definition keeps the server from listing anything in its database. */
function viewHint({ role, namespace = '' }: Attempted): string {
  const [database] = namespace.split('.', 1);
  const leftOut = role === 'source' ? `, or leave the database out: --exclude ${database}` : '';
  return `A document of ${database}.system.views defines no view, so the server can list nothing in ${database}. Correct it there${leftOut}.`;
}

function factsOf(error: unknown): FailureFacts {
  if (typeof error !== 'object' || error === null) {
    return { code: undefined, codeName: undefined, labels: [] };
  }
  const fields = error as Record<string, unknown>;
  const labels = fields.errorLabels;
  const actual = fields.actualCollection;
  return {
    code: typeof fields.code === 'number' ? fields.code : undefined,
    broken: SOCKET_ERRORS.has(fields.code),
    codeName: typeof fields.codeName === 'string' ? fields.codeName : undefined,
    labels: Array.isArray(labels) ? labels.filter((label) => typeof label === 'string') : [],
    actualCollection: typeof actual === 'string' || actual === null ? actual : undefined,
    violations: Array.isArray(fields.violations) ? fields.violations.length : undefined,
  };
}

const LONGEST_TEXT = 400;

/**
 * A server's message without the values that it quotes: everything in braces, keys of duplicates,
 * ids.
 */
export function serverText(message: string, code?: number): string {
  // The server's message quotes the `_id` as it was and as it would be.
  if (code === SERVER_CODES.ImmutableField) return 'the update would change the immutable field _id';
  const text = redact(message)
    .replace(/\s*dup key:.*$/s, ' dup key: (hidden)')
    .replace(/\{.*\}?/s, '{…}')
    .replace(/\b_id: .*$/s, '_id: (hidden)')
    .replace(/(language override unsupported:).*$/s, '$1 (hidden)')
    .replace(/\s+/g, ' ')
    .trim();
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text;
}
