/**
 * Every failure that a user can meet is a WaybillError with a code from this table. The table is
 * the manual: `docs/error-codes.md` is rendered from it and a test holds the two together.
 */

/** What the caller should do about it. */
export type ErrorKind =
  /** The command line, a configuration key, or what they name is wrong. Exit code 2. */
  | 'usage'
  /** Something outside refuses or fails for good. Exit code 1. */
  | 'failed'
  /**
   * May go away by itself; retried within bounds before anybody sees it. Exit code 1 once it is
   * seen.
   */
  | 'transient'
  /** A check or verification found differences. Exit code 3. */
  | 'difference'
  /** Another process owns the stream or the load now. Exit code 4. */
  | 'fenced'
  /** The source no longer has the changes we need. Exit code 5. */
  | 'history-lost'
  /** Stopped on request. Exit code 130. */
  | 'interrupted';

export const EXIT_CODES: Readonly<Record<ErrorKind, number>> = {
  usage: 2,
  failed: 1,
  transient: 1,
  difference: 3,
  fenced: 4,
  'history-lost': 5,
  interrupted: 130,
};

interface CodeEntry {
  readonly kind: ErrorKind;
  /** One or two sentences for the manual: what happened, and what to do. */
  readonly meaning: string;
}

const table = <Code extends string>(entries: Record<Code, CodeEntry>): Readonly<Record<Code, CodeEntry>> =>
  entries;

export const ERROR_CODES = table({
  INTERNAL: { kind: 'failed', meaning: 'A defect in Waybill. Please report it with the log.' },
  INTERRUPTED: {
    kind: 'interrupted',
    meaning: 'Stopped on request before the work was done. Run the same command again to go on.',
  },

  CONFIG_INVALID: {
    kind: 'usage',
    meaning:
      'An option, environment variable or configuration key has a value that is not allowed, or a needed one is missing.',
  },
  CONFIG_UNKNOWN_KEY: {
    kind: 'usage',
    meaning: 'An option, a key of the configuration file or a variable WAYBILL_… that does not exist.',
  },
  CONFIG_PATTERN_UNMATCHED: {
    kind: 'usage',
    meaning:
      'A pattern of --include names nothing that the source has (capture, run), or nothing that the stream has (load). Correct it, or give --allow-empty where what it names comes later.',
  },
  CONFIG_UNREADABLE: {
    kind: 'usage',
    meaning:
      'A configuration file, or a file or environment variable that an option refers to, cannot be read.',
  },

  BUCKET_URL_INVALID: {
    kind: 'usage',
    meaning: 'The bucket is not a path or a URL of a kind that Waybill knows.',
  },
  BUCKET_OBJECT_EXISTS: { kind: 'failed', meaning: 'A put-if-absent found an object under its key.' },
  BUCKET_OBJECT_MISSING: { kind: 'failed', meaning: 'An object that should be in the bucket is not there.' },
  BUCKET_RANGE_INVALID: { kind: 'failed', meaning: 'A byte range that does not lie within its object.' },
  BUCKET_KEY_INVALID: {
    kind: 'failed',
    meaning:
      'A name that cannot be an object of the bucket: empty or dotted parts, too long, or a file stands where a folder is needed.',
  },
  BUCKET_ACCESS_DENIED: {
    kind: 'usage',
    meaning: 'The bucket refuses the operation. Check permissions of the folder or the credentials.',
  },
  BUCKET_MISSING: {
    kind: 'usage',
    meaning:
      'There is no bucket of that name at the endpoint. Waybill makes none: create it, or check --bucket and --bucket-endpoint.',
  },
  BUCKET_FEATURE_MISSING: {
    kind: 'usage',
    meaning:
      'The store under --bucket lacks something that Waybill cannot do without; the message names it. Use another store or a newer version of it, or see --unsafe-single-writer.',
  },
  BUCKET_UNAVAILABLE: {
    kind: 'transient',
    meaning:
      'The bucket did not answer, or failed in a way that may pass. Also: the disk is full. Tried again for two minutes before it is reported.',
  },

  STREAM_MISSING: {
    kind: 'usage',
    meaning:
      'There is no stream of that name under that bucket prefix. Start a capture first, or check --bucket and --stream.',
  },
  STREAM_BESIDE_OTHERS: {
    kind: 'usage',
    meaning:
      'The bucket has streams of this source already, and the one named would be a new one, with a full copy of its own. Check --stream; give --new-stream where a new one is meant.',
  },
  STREAM_IN_USE: {
    kind: 'fenced',
    meaning:
      'Another capture owns the stream and goes on committing. Exactly one may run: leave this one stopped, or stop the other one; --take-over ends the other one at once.',
  },
  STREAM_FOREIGN_SOURCE: {
    kind: 'usage',
    meaning:
      'The stream in the bucket belongs to another source cluster. Choose another --stream or --bucket.',
  },
  STREAM_OPTIONS_CHANGED: {
    kind: 'usage',
    meaning:
      'An option that is fixed for the life of a stream (--include, --lanes, --format, --codec, --images) differs from what the stream was created with, or --exclude lacks something that it leaves out. More may be excluded at any start.',
  },
  STREAM_ROLLED_BACK: {
    kind: 'failed',
    meaning:
      'The bucket holds less of the stream or of the load than the target knows of, or another history: it was put back to an older state, or replaced.',
  },
  FORMAT_UNSUPPORTED: {
    kind: 'failed',
    meaning:
      'A file of the stream needs a format version or feature that this version of Waybill does not have. Upgrade the reader.',
  },
  MANIFEST_CORRUPT: {
    kind: 'failed',
    meaning:
      'A manifest commit is damaged, foreign, or does not chain to the one before it. Nothing from it on is applied.',
  },
  MANIFEST_FENCED: {
    kind: 'fenced',
    meaning:
      'A newer capture (or load) took the stream over. Exactly one may run; stop the other or leave this one stopped.',
  },
  SEGMENT_CORRUPT: {
    kind: 'failed',
    meaning:
      'A segment is damaged, truncated or foreign: its size, hash, or content is not what the manifest says. Nothing of it is applied.',
  },

  MONGO_URI_INVALID: {
    kind: 'usage',
    meaning: 'A connection string that cannot be parsed, or that asks for what this installation lacks.',
  },
  MONGO_UNREACHABLE: {
    kind: 'transient',
    meaning: 'No server answered under the connection string within the time allowed.',
  },
  MONGO_AUTHENTICATION: { kind: 'usage', meaning: 'The server refused the credentials.' },
  MONGO_UNAUTHORIZED: {
    kind: 'usage',
    meaning: 'The user lacks a privilege that the operation needs. The hint names the role to grant.',
  },
  MONGO_TRANSIENT: {
    kind: 'transient',
    meaning:
      'A network error, an election or another passing failure of the server that outlasted the retries.',
  },
  MONGO_NOT_PRIMARY: {
    kind: 'usage',
    meaning:
      'The connection string leads straight to a member of a replica set that is not the primary (directConnection=true), which can take no write and cannot tell what the set has acknowledged. Leave directConnection out, or connect to the primary.',
  },
  MONGO_NO_MAJORITY: {
    kind: 'transient',
    meaning:
      'No majority of a replica set confirms what its primary has: members that hold data are down or far behind. Tried again for two minutes before it is reported.',
  },
  MONGO_COMMAND_FAILED: { kind: 'failed', meaning: 'The server refused a command for good.' },
  DOCUMENT_INVALID: { kind: 'failed', meaning: 'Bytes that should be a BSON document are not one.' },

  SOURCE_NOT_REPLICA_SET: {
    kind: 'usage',
    meaning:
      'The source is a standalone server, which has no change stream. Convert it to a single-node replica set.',
  },
  SOURCE_UNSUPPORTED: {
    kind: 'usage',
    meaning:
      'The source, or a collection in it, is of a kind that cannot be captured (time-series, queryable encryption, a server before 4.0).',
  },
  SOURCE_HISTORY_LOST: {
    kind: 'history-lost',
    meaning:
      "The source no longer holds the changes after the stream's position. Take a new snapshot into a new stream, with a larger oplog.",
  },
  SOURCE_HISTORY_CHANGED: {
    kind: 'history-lost',
    meaning:
      'The source is not where the stream left it: it was put back to an older state, from a backup for instance, or is a copy of such a state. Changes that the stream has are not in it. Take a new snapshot into a new stream.',
  },
  SOURCE_EVENT_UNKNOWN: {
    kind: 'failed',
    meaning:
      'The change stream sent an event of a type that this version does not know. Nothing after it is captured.',
  },
  SOURCE_EVENT_TOO_LARGE: {
    kind: 'failed',
    meaning: 'A change event exceeds 16 MiB and the source cannot split it.',
  },
  SOURCE_IMAGE_UNEXPLAINED: {
    kind: 'failed',
    meaning:
      'The document of an update could not be found, and no later delete, drop or rename explains it. Compare the collection with waybill verify; if it differs, take a new stream.',
  },
  SOURCE_DUPLICATE_ID: {
    kind: 'failed',
    meaning:
      'Documents of a sharded collection share an `_id`, which a cluster allows on different shards. At most one of them can stand on a target, so nothing is captured past them.',
  },

  TARGET_IS_SOURCE: {
    kind: 'usage',
    meaning:
      'Source and target are the same cluster, perhaps under different host names. A load needs a target of its own.',
  },
  TARGET_PROGRESS_COLLISION: {
    kind: 'usage',
    meaning:
      'The collection in which the load would keep its progress is one of the data: it stands on the target already, or in the stream. Give the load another database for its progress with --progress-database.',
  },
  TARGET_CHANGED: {
    kind: 'failed',
    meaning:
      'Collections that the load had written are gone from the target, were replaced, or are empty. The load does not write again what it has written before.',
  },
  TARGET_UNSUPPORTED: {
    kind: 'failed',
    meaning: 'The target cannot hold something that the stream has (a collection option, an index, a value).',
  },
  TARGET_REFUSED_DOCUMENT: {
    kind: 'failed',
    meaning:
      'The target refused a document for good. The record is named; nothing after it on its lane is applied.',
  },
  TARGET_NOT_EMPTY: {
    kind: 'usage',
    meaning: 'A collection that the load would create holds documents already that this load did not write.',
  },
  TARGET_DDL_CONFLICT: {
    kind: 'failed',
    meaning:
      'A change of a collection or index cannot be repeated on the target, because what stands there differs.',
  },
  TARGET_DROP_NOT_ALLOWED: {
    kind: 'usage',
    meaning:
      'The source dropped a collection or database. Give --allow-drop to repeat that on the target, or --ddl=ignore to keep it there.',
  },
  TARGET_DDL_HALTED: {
    kind: 'failed',
    meaning:
      'The source changed a collection or index, and --ddl=halt says to stop before that is repeated on the target. Run again with --ddl=apply or --ddl=ignore to go on.',
  },
  LOAD_FENCED: {
    kind: 'fenced',
    meaning: 'A newer process took this load over, or a cutover ended it. Exactly one may run.',
  },
  LOAD_OTHER_TARGET: {
    kind: 'usage',
    meaning:
      'The load was started into another target than the one given. A load has one target for its life: give that one, or load this one under another --load.',
  },
  LOAD_PROGRESS_LOST: {
    kind: 'failed',
    meaning:
      "The target is the load's, and no longer holds its progress, so nobody can tell what of the stream is there.",
  },
  LOAD_CUT_OVER: {
    kind: 'usage',
    meaning: 'This load has been cut over: its target is in use, and nothing is applied to it any more.',
  },
  LOAD_OPTIONS_CHANGED: {
    kind: 'usage',
    meaning:
      'An option that is fixed for the life of a load (--include, --exclude) differs from what the load was started with. Leave it out to go on, or start another load.',
  },
  LOAD_RENAME_INTO_FILTER: {
    kind: 'failed',
    meaning:
      'The source gave a collection that the load does not take a name that it takes (--include, --exclude). The load has let its documents pass and cannot go on; start another load that takes both names.',
  },
  LOAD_MISSING: {
    kind: 'usage',
    meaning:
      'The stream has no load of that name. Check --load, --stream and --bucket, or start the load first.',
  },
  LOAD_FOREIGN: {
    kind: 'usage',
    meaning: "The target holds the progress of another stream under this load's name. Choose another --load.",
  },

  VERIFY_DIFFERENT: { kind: 'difference', meaning: 'Source and target differ. The report lists what.' },
  VERIFY_NOTHING_COMPARED: {
    kind: 'difference',
    meaning:
      'Neither side has a collection or view that the stream and the load take, so nothing was compared. Check --include and --exclude; give --allow-empty where it is meant.',
  },
  CUTOVER_NOT_READY: {
    kind: 'difference',
    meaning: 'The cutover cannot go on yet; the message says why not.',
  },
  SERVER_UNAVAILABLE: {
    kind: 'failed',
    meaning:
      'No MongoDB server could be found or fetched for the demo or the tests. Set WAYBILL_MONGOD to one.',
  },
});

export type ErrorCode = keyof typeof ERROR_CODES;

/** What the error concerns. Never a document, a credential or a token. */
export type ErrorContext = Readonly<Record<string, string | number | boolean | undefined>>;

export interface ErrorDetails {
  /** The next command or action for the operator. */
  readonly hint?: string | undefined;
  readonly context?: ErrorContext | undefined;
  readonly cause?: unknown;
  /**
   * Where one code is met in two ways, for instance a lost server that was never there; default:
   * the code's.
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
