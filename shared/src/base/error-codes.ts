/**
 * The codes of all failures that a user can meet. This table is the manual: `docs/error-codes.md`
 * is generated from it.
 */

/** What the caller should do about it. */
export type ErrorKind =
  /** The command line, a configuration key, or what they name is wrong. Exit code 2. */
  | 'usage'
  /** Something outside refuses or fails for good. Exit code 1. */
  | 'failed'
  /** May pass by itself. Waybill retries it within bounds before it reports it. Exit code 1. */
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

type Entry = (meaning: string) => CodeEntry;

const entry =
  (kind: ErrorKind): Entry =>
  (meaning) => ({ kind, meaning });
const usage = entry('usage');
const failed = entry('failed');
const transient = entry('transient');
const difference = entry('difference');
const fenced = entry('fenced');
const historyLost = entry('history-lost');
const interrupted = entry('interrupted');

const table = <Code extends string>(entries: Record<Code, CodeEntry>): Readonly<Record<Code, CodeEntry>> =>
  entries;

export const ERROR_CODES = table({
  INTERNAL: failed('A defect in Waybill. Please report it with the log.'),
  INTERRUPTED: interrupted(
    'Stopped on request before the work was done. Run the same command again to go on.',
  ),

  CONFIG_INVALID: usage(
    'An option, environment variable or configuration key has a value that is not allowed, or a required one is missing.',
  ),
  CONFIG_UNKNOWN_KEY: usage('There is no such option, configuration key or WAYBILL_… variable.'),
  CONFIG_PATTERN_UNMATCHED: usage(
    'A pattern of --include matches nothing on the source (capture, run) or nothing in the stream (load), or a rule of --map is for nothing that the load takes. Correct it, or give --allow-empty if a matching collection will come later.',
  ),
  CONFIG_UNREADABLE: usage(
    'Waybill cannot read a configuration file, or a file or environment variable that an option refers to.',
  ),

  BUCKET_URL_INVALID: usage('The bucket is neither a path nor a URL of a kind that Waybill knows.'),
  BUCKET_OBJECT_EXISTS: failed('An object already has the key that a put-if-absent was to create.'),
  BUCKET_OBJECT_MISSING: failed('An object that should be in the bucket is missing.'),
  BUCKET_RANGE_INVALID: failed('A byte range lies outside its object.'),
  BUCKET_KEY_INVALID: failed(
    'The bucket cannot hold an object of that name: the name has empty or dotted parts or is too long, or a file stands where a folder is needed.',
  ),
  BUCKET_ACCESS_DENIED: usage(
    'The bucket refuses the operation. Check the permissions of the folder, or the credentials.',
  ),
  BUCKET_MISSING: usage(
    'There is no bucket of that name at the endpoint. Waybill creates no buckets: create it, or check --bucket and --bucket-endpoint.',
  ),
  BUCKET_FEATURE_MISSING: usage(
    'The store lacks a feature that Waybill needs; the message names it. Use another store or a newer version, or see --unsafe-single-writer.',
  ),
  BUCKET_UNAVAILABLE: transient(
    'The bucket did not answer, failed in a way that may pass, or its disk is full. Waybill tries for two minutes before it reports this.',
  ),

  STREAM_MISSING: usage(
    'The bucket has no stream of that name. Start a capture first, or check --bucket and --stream.',
  ),
  STREAM_BESIDE_OTHERS: usage(
    'The bucket already has streams of this source, and the name given would start a new one with a full copy of its own. Check --stream, or give --new-stream if you want a new one.',
  ),
  STREAM_IN_USE: fenced(
    'Another capture owns the stream and is still committing. Only one may run: leave this one stopped, or stop the other one. --take-over ends the other one at once.',
  ),
  STREAM_FOREIGN_SOURCE: usage(
    'The stream in the bucket belongs to another source cluster. Choose another --stream or --bucket.',
  ),
  STREAM_OPTIONS_CHANGED: usage(
    'An option that is fixed for the life of a stream (--include, --lanes, --format, --codec, --images) differs from what the stream was created with, or --exclude no longer excludes something that it excluded before. Any start may exclude more.',
  ),
  STREAM_ROLLED_BACK: failed(
    'The bucket holds less of the stream or the load than the target knows, or a different history. It was restored to an older state, or replaced.',
  ),
  FORMAT_UNSUPPORTED: failed(
    'A file of the stream needs a format version or feature that this version of Waybill lacks. Upgrade Waybill on the reading side.',
  ),
  MANIFEST_CORRUPT: failed(
    'A manifest commit is damaged, belongs to another stream, or does not follow from the commit before it. Waybill applies nothing from it on.',
  ),
  MANIFEST_FENCED: fenced(
    'A newer capture or load took over. Only one may run: stop the other one, or leave this one stopped.',
  ),
  SEGMENT_CORRUPT: failed(
    'A segment is damaged, truncated or from another stream: its size, hash or content differs from the manifest. Waybill applies nothing of it.',
  ),

  MONGO_URI_INVALID: usage(
    'The connection string cannot be parsed, or needs something that this installation lacks.',
  ),
  MONGO_UNREACHABLE: transient('No server of the connection string answered in time.'),
  MONGO_AUTHENTICATION: usage('The server refused the credentials.'),
  MONGO_UNAUTHORIZED: usage(
    'The user lacks a privilege that the operation needs. The hint names the role to grant.',
  ),
  MONGO_TRANSIENT: transient(
    'A network error, an election or another passing failure lasted longer than the retries.',
  ),
  MONGO_NOT_PRIMARY: usage(
    'The connection string connects directly (directConnection=true) to a replica set member that is not the primary. Such a member takes no writes and cannot say what the set has acknowledged. Remove directConnection, or connect to the primary.',
  ),
  MONGO_NO_MAJORITY: transient(
    'No majority of the replica set confirms what the primary has: members that hold data are down or far behind. Waybill tries for two minutes before it reports this.',
  ),
  MONGO_COMMAND_FAILED: failed('The server refused a command for good.'),
  DOCUMENT_INVALID: failed('Some bytes should be a BSON document and are not.'),

  SOURCE_NOT_REPLICA_SET: usage(
    'The source is a standalone server, which has no change streams. Convert it to a single-node replica set.',
  ),
  SOURCE_UNSUPPORTED: usage(
    'Waybill cannot capture this kind of source or collection (time-series, queryable encryption, a server before 4.0).',
  ),
  SOURCE_HISTORY_LOST: historyLost(
    "The source no longer has the changes after the stream's position. Enlarge the oplog, then take a new snapshot into a new stream.",
  ),
  SOURCE_HISTORY_CHANGED: historyLost(
    'The source was restored to an older state, for instance from a backup, or is a copy of such a state. It lacks changes that the stream has. Take a new snapshot into a new stream.',
  ),
  SOURCE_EVENT_UNKNOWN: failed(
    'The change stream sent an event of a type that this version does not know. Waybill captures nothing after it.',
  ),
  SOURCE_EVENT_TOO_LARGE: failed('A change event is larger than 16 MiB, and the source cannot split it.'),
  SOURCE_IMAGE_UNEXPLAINED: failed(
    'The document of an update is missing, and no later delete, drop or rename explains that. Compare the collection with waybill verify; if it differs, start a new stream.',
  ),
  SOURCE_DUPLICATE_ID: failed(
    'Two documents of a sharded collection have the same `_id`, on different shards. A target can hold only one of them, so Waybill captures nothing past them.',
  ),

  TARGET_IS_SOURCE: usage(
    'Source and target are the same cluster, perhaps under different host names. Give the load another target.',
  ),
  TARGET_PROGRESS_COLLISION: usage(
    'The collection in which the load would keep its progress holds data, on the target or in the stream. Choose another database for the progress with --progress-database.',
  ),
  TARGET_CHANGED: failed(
    'Collections that the load had written are gone from the target, replaced or empty. A load writes nothing twice.',
  ),
  TARGET_UNSUPPORTED: failed(
    'The target cannot hold something in the stream: a collection option, an index or a value.',
  ),
  TARGET_REFUSED_DOCUMENT: failed(
    'The target refused a document for good. The message names the record; Waybill applies nothing after it on its lane.',
  ),
  TARGET_LOST_WRITES: failed(
    'The target elected a primary while --write-concern let fewer members than a majority acknowledge batches. They may be lost; no cursor has passed them. Run the load again, and it writes them again.',
  ),
  TARGET_NOT_EMPTY: usage(
    'A collection that the load would create already holds documents, and this load did not write them.',
  ),
  TARGET_DDL_CONFLICT: failed(
    'Waybill cannot repeat a change of a collection or index on the target, because the target has something different there.',
  ),
  TARGET_DROP_NOT_ALLOWED: usage(
    'The source dropped a collection or database. Give --allow-drop to drop it on the target too, or --ddl=ignore to keep it there.',
  ),
  TARGET_DDL_HALTED: failed(
    'The source changed a collection or index, and --ddl=halt stops the load before it repeats that on the target. To go on, run again with --ddl=apply or --ddl=ignore.',
  ),
  LOAD_FENCED: fenced('A newer process took this load over, or a cutover ended it. Only one may run.'),
  LOAD_OTHER_TARGET: usage(
    'The load was started with another target. A load keeps its target for life: give that target, or choose another --load for this one.',
  ),
  LOAD_PROGRESS_LOST: failed(
    'The target belongs to the load but no longer holds its progress, so nobody can tell which part of the stream it has.',
  ),
  LOAD_CUT_OVER: usage(
    'This load has been cut over. Its target is in use, and Waybill writes nothing to it any more.',
  ),
  LOAD_OPTIONS_CHANGED: usage(
    'An option that is fixed for the life of a load (--include, --exclude, --map) differs from what the load was started with. Leave the option out, or start another load.',
  ),
  LOAD_NAME_COLLISION: usage(
    'Two collections of the stream would have one name on the target (--map), or two databases names that differ in capital letters alone. Give each a name of its own in a new load, or leave one out.',
  ),
  LOAD_NAME_INVALID: usage(
    'A rule of --map gives a collection a name that no collection can have. Give it a rule of its own, or leave it out.',
  ),
  LOAD_DEAD_LETTERS_FULL: failed(
    'The load has as many open dead letters as --max-dead-letters allows, and the target refused one more record. Nothing is lost: the load goes on at that record.',
  ),
  DEAD_LETTER_MISSING: usage(
    'The load has no dead letter of that number. waybill dead-letters list shows those that are open.',
  ),
  LOAD_RENAME_INTO_FILTER: failed(
    'The source renamed a collection that the load leaves out to a name that it takes (--include, --exclude). The load has skipped its documents and cannot go on. Start another load that takes both names.',
  ),
  LOAD_MISSING: usage(
    'The stream has no load of that name. Check --load, --stream and --bucket, or start the load first.',
  ),
  LOAD_FOREIGN: usage(
    "The target already holds the progress of another stream under this load's name. Choose another --load.",
  ),

  ASSESS_NOTHING_SEEN: difference(
    'There was no collection, view or document to look at, so nothing can be said of them. Check --include and --exclude, and that the stream has its inventory.',
  ),
  VERIFY_DIFFERENT: difference('Source and target differ. The report lists the differences.'),
  VERIFY_NOTHING_COMPARED: difference(
    'Neither side has a collection or view that the stream and the load take, so nothing was compared. Check --include and --exclude, or give --allow-empty if that is what you expect.',
  ),
  CUTOVER_NOT_READY: difference('The cutover cannot go on yet. The message says why.'),
  SERVER_UNAVAILABLE: failed(
    'Waybill found no MongoDB server for the demo or the tests, and could not fetch one. Set WAYBILL_MONGOD to one.',
  ),
});

export type ErrorCode = keyof typeof ERROR_CODES;
