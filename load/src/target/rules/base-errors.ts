/**
 * MongoDB's errors, as a load takes them. docs/target-errors.md is made from this table. The first
 * rule that fits counts.
 */
import type { ErrorRule, LabelRule } from './error-rule.ts';

const AWAY = 'the server, or a member that it needs, is away';
const ELECTION = 'the replica set elects, or the server shuts down';
const ROUTING = 'a router and its shards are catching up with each other';
const LOCK = 'somebody holds a lock';
const ENDED = 'the server or somebody ended the operation';
const LACKS = 'the server lacks the command, a field or a feature of it';
const UNEXPECTED =
  'Waybill expects the target to have it. Check that --target names the intended server; docs/targets.md lists what a target must have.';
const TOO_LARGE = 'the command is too large, or one document in it';
const FITS_ALONE =
  'an update holds the _id twice, so a document at the limit may still fit an insert; an insert is refused';

const of = (part: ErrorRule['of'], rules: readonly ErrorRule[]): ErrorRule[] =>
  rules.map((rule) => ({ ...rule, of: part! }));

const list = (codes: readonly ErrorRule['code'][], rule: Omit<ErrorRule, 'code'>): ErrorRule[] =>
  codes.map((code) => ({ code, ...rule }));

const TRANSIENT: readonly ErrorRule[] = [
  ...list(['HostUnreachable', 'HostNotFound', 'NetworkTimeout', 'SocketException'], {
    class: 'transient',
    reason: AWAY,
  }),
  ...list(
    [
      'ShutdownInProgress',
      'PrimarySteppedDown',
      'LegacyNotPrimary',
      'NotWritablePrimary',
      'InterruptedAtShutdown',
      'InterruptedDueToReplStateChange',
      'NotPrimaryNoSecondaryOk',
      'NotPrimaryOrSecondary',
      'FailedToSatisfyReadPreference',
    ],
    { class: 'transient', reason: ELECTION },
  ),
  ...list(['StaleShardVersion', 'StaleEpoch', 'StaleConfig', 'NamespaceNotSharded'], {
    class: 'transient',
    reason: ROUTING,
  }),
  ...list(['LockTimeout', 'LockBusy', 'ConflictingOperationInProgress', 'ObjectIsBusy'], {
    class: 'transient',
    reason: LOCK,
  }),
  ...list(
    [
      'Interrupted',
      'CursorKilled',
      'QueryPlanKilled',
      'CursorNotFound',
      'CloseChangeStream',
      'RetryChangeStream',
    ],
    { class: 'transient', reason: ENDED },
  ),
  ...list(['MaxTimeMSExpired', 'NetworkInterfaceExceededTimeLimit'], {
    class: 'transient',
    reason: "the batch met its time limit, or the server's",
  }),
  ...list(['ReadConcernMajorityNotAvailableYet', 'SnapshotUnavailable'], {
    class: 'transient',
    reason: 'the server is not ready to read yet',
  }),
  ...list(['NoSuchTransaction', 'TransactionExceededLifetimeLimitSeconds'], {
    class: 'transient',
    reason: 'the transaction is gone; the batch goes again',
  }),
  {
    code: 'WriteConcernFailed',
    class: 'transient',
    reason: 'too few members acknowledged in time; whatever was not refused goes again',
  },
  {
    code: 'DatabaseDropPending',
    class: 'transient',
    reason: 'a drop of the database is under way',
  },
  {
    code: 'ReauthenticationRequired',
    class: 'transient',
    reason: 'the credentials expired, and the driver logs in again',
  },
  {
    code: 'UserWritesBlocked',
    class: 'transient',
    reason: 'writes of users are blocked there, and somebody may lift that',
  },
  {
    code: 'OutOfDiskSpace',
    class: 'transient',
    reason: 'the disk is full; storage may grow by itself, or somebody makes room',
    hint: 'The disk of the target is full. Make room or enlarge it, and run the same command again.',
  },
];

const PUSH_BACK: readonly ErrorRule[] = [
  {
    code: 'WriteConflict',
    class: 'transient',
    pushesBack: true,
    reason: "writers were in each other's way",
  },
  ...list(['RequestRateTooLarge', 'IngressRequestRateLimitExceeded'], {
    class: 'transient',
    pushesBack: true,
    reason: 'the target limits the rate of requests',
  }),
  ...list(['TemporarilyUnavailable', 'TransactionTooLargeForCache'], {
    class: 'transient',
    pushesBack: true,
    reason: "the server's cache is full",
  }),
  {
    code: 'ExceededTimeLimit',
    class: 'transient',
    pushesBack: true,
    reason: "the batch met the server's own time limit",
  },
];

const OF_ONE_DOCUMENT: readonly ErrorRule[] = [
  ...of('command', [
    ...list(['BSONObjectTooLarge', 'KeyTooLong', 'UpdatedDocumentTooLarge', 'ReplacedDocumentTooLarge'], {
      class: 'split',
      learns: 'bytes',
      reason: TOO_LARGE,
    }),
    {
      code: 'InvalidLength',
      class: 'split',
      learns: 'statements',
      reason: 'the command holds too many statements',
    },
    { code: 'Overflow', class: 'split', reason: 'a document in it nests too deep; halves find it' },
  ]),
  ...of('statement', [
    ...list(['BSONObjectTooLarge', 'UpdatedDocumentTooLarge', 'ReplacedDocumentTooLarge', 'KeyTooLong'], {
      class: 'recoverable',
      reason: FITS_ALONE,
    }),
    { code: 'Overflow', class: 'poison', reason: 'the document nests too deep' },
    { code: 'InvalidLength', class: 'poison', reason: 'a value of the document has a wrong length' },
  ]),
  {
    code: 'DuplicateKey',
    class: 'recoverable',
    reason:
      'a document of that _id stands there, and is replaced; or a unique index refuses, and other lanes may free the key',
  },
  {
    code: 'ImmutableField',
    class: 'recoverable',
    reason: 'an equal _id of other bytes stands there; the document is deleted and inserted',
  },
  {
    code: 'DollarPrefixedFieldName',
    class: 'recoverable',
    reason: 'a replacement cannot hold the name; another statement may',
  },
  {
    code: 'NamespaceNotFound',
    class: 'recoverable',
    reason: 'a delete has nothing to do there; anything else is refused',
  },
  ...list(['DottedFieldName', 'EmptyFieldName', 'InvalidDBRef', 'InvalidIdField'], {
    class: 'poison',
    reason: 'the target does not take a name or an _id of the document',
  }),
  ...list(['BadValue', 'TypeMismatch', 'ConflictingUpdateOperators'], {
    class: 'poison',
    reason: 'the target does not take a value of the document',
  }),
  { code: 'DocumentValidationFailure', class: 'poison', reason: 'a validator of the target refuses it' },
  ...list(
    [
      'CannotIndexParallelArrays',
      'AmbiguousArrayIndex',
      'HashedArray',
      'TextLanguageType',
      'TextLanguageUnknown',
    ],
    {
      class: 'poison',
      reason: 'an index of the target refuses it, and is none that the load may set aside',
    },
  ),
  {
    code: 'ShardKeyNotFound',
    class: 'poison',
    reason: 'the statement lacks a part of the shard key of the target',
  },
  {
    code: 'IllegalOperation',
    of: 'statement',
    class: 'poison',
    reason: 'the target cannot do this to that collection',
  },
];

const FATAL: readonly ErrorRule[] = [
  ...list(['Unauthorized', 'AuthenticationFailed', 'UserNotFound', 'MechanismUnavailable'], {
    class: 'fatal',
    reason: 'the user may not write there',
    hint: 'Grant the user readWrite and dbAdmin on the databases of the load on the target. docs/targets.md lists what a load needs.',
  }),
  {
    code: 'AtlasError',
    class: 'fatal',
    reason: 'the tier of the cluster does not permit it, or the credentials are wrong',
    hint: 'The message names what the cluster does not permit. Free and Flex clusters of Atlas lack some commands; a dedicated one has them.',
  },
  {
    code: 'IllegalOperation',
    class: 'fatal',
    reason: 'this kind of deployment does not do it, for instance retryable writes',
    hint: UNEXPECTED,
  },
  ...list(['CommandNotFound', 'CommandNotSupported', 'NotImplemented', 'FeatureNotSupported'], {
    class: 'fatal',
    reason: LACKS,
    hint: UNEXPECTED,
  }),
  ...list(
    [
      'IDLUnknownField',
      'FailedToParse',
      'InvalidOptions',
      'RetryableWritesNotSupported',
      'NotARetryableWriteCommand',
    ],
    {
      of: 'command',
      class: 'fatal',
      reason: LACKS,
      hint: UNEXPECTED,
    },
  ),
  ...list(['FailedToParse', 'IDLUnknownField', 'InvalidOptions'], {
    of: 'statement',
    class: 'poison',
    reason: 'the target does not understand the statement',
  }),
  {
    code: 'InvalidNamespace',
    class: 'fatal',
    reason: 'the target does not take the name of the collection',
    hint: 'Leave the collection out: --exclude in a new load (--load).',
  },
  ...list(['UnsatisfiableWriteConcern', 'UnknownReplWriteConcern'], {
    class: 'fatal',
    reason: 'the target cannot meet the write concern',
    hint: 'The write concern asks for more members than the target has, or for a rule that it does not have. Give another one (--write-concern).',
  }),
];

const FENCED: readonly ErrorRule[] = [
  {
    code: 'TransactionTooOld',
    class: 'fenced',
    reason: 'a later owner of the load shut this one out',
  },
];

export const BASE_ERRORS: readonly ErrorRule[] = [
  ...FENCED,
  ...TRANSIENT,
  ...PUSH_BACK,
  ...OF_ONE_DOCUMENT,
  ...FATAL,
];

/** NoWritesPerformed says only that nothing happened, so it decides nothing. */
export const LABEL_ERRORS: readonly LabelRule[] = [
  {
    label: 'SystemOverloadedError',
    class: 'transient',
    pushesBack: true,
    reason: 'the target has too much to do',
  },
  ...['RetryableWriteError', 'RetryableError', 'TransientTransactionError', 'PoolRequestedRetry'].map(
    (label): LabelRule => ({ label, class: 'transient', reason: 'the target says that a retry is safe' }),
  ),
];
