/**
 * The error codes of servers that Waybill tells apart: the one table of them, and the questions
 * that callers ask about a code. Nothing else in the product holds such a number (test/src/house
 * checks it).
 *
 * Names are the server's own (error_codes.yml). If the server gives a code no name, it has one of
 * ours, and its comment says so.
 */

export const SERVER_CODES = {
  BadValue: 2,
  /** The server asks another host, and cannot reach that host or find its name. */
  HostUnreachable: 6,
  HostNotFound: 7,
  /** The server does not know a field or an option: its parser's answer before 4.4 or so. */
  FailedToParse: 9,
  UserNotFound: 11,
  Unauthorized: 13,
  TypeMismatch: 14,
  /** A document nests deeper than the server's maxBSONDepth. */
  Overflow: 15,
  InvalidLength: 16,
  AuthenticationFailed: 18,
  /** This kind of deployment does not do this: transaction numbers on a standalone server. */
  IllegalOperation: 20,
  LockTimeout: 24,
  NamespaceNotFound: 26,
  IndexNotFound: 27,
  ConflictingUpdateOperators: 40,
  CursorNotFound: 43,
  LockBusy: 46,
  NamespaceExists: 48,
  /** The command's own time limit (maxTimeMS). */
  MaxTimeMSExpired: 50,
  /** A top-level name that begins with `$`: inserts take it, replacements do not. */
  DollarPrefixedFieldName: 52,
  InvalidIdField: 53,
  InvalidDBRef: 55,
  EmptyFieldName: 56,
  DottedFieldName: 57,
  CommandNotFound: 59,
  /** A write to a sharded collection does not name its key, or holds an array in a field of it. */
  ShardKeyNotFound: 61,
  StaleShardVersion: 63,
  /** No majority acknowledged a write in time. */
  WriteConcernFailed: 64,
  /** An update would change `_id`: the stored one is equal, but has other bytes. */
  ImmutableField: 66,
  /** The same index stands there, or is being built. */
  IndexAlreadyExists: 68,
  InvalidOptions: 72,
  InvalidNamespace: 73,
  /** The write concern names a rule that the replica set does not have. */
  UnknownReplWriteConcern: 79,
  NetworkTimeout: 89,
  ShutdownInProgress: 91,
  /** 4.0 has no code of its own for a getMore after a drop or rename, and uses this one instead. */
  OperationFailed: 96,
  /** The write concern names more members than there are. */
  UnsatisfiableWriteConcern: 100,
  WriteConflict: 112,
  CommandNotSupported: 115,
  ConflictingOperationInProgress: 117,
  /** A router took the collection for a sharded one, or still does. */
  NamespaceNotSharded: 118,
  DocumentValidationFailure: 121,
  FailedToSatisfyReadPreference: 133,
  ReadConcernMajorityNotAvailableYet: 134,
  /** A capped collection overtook a cursor, or the oplog a change stream. */
  CappedPositionLost: 136,
  StaleEpoch: 150,
  CommandNotSupportedOnView: 166,
  /** Two arrays in one index key. */
  CannotIndexParallelArrays: 171,
  /** The cursor's collection or index was dropped or renamed. */
  QueryPlanKilled: 175,
  /** A document of system.views defines no view, so its database cannot be listed. */
  InvalidViewDefinition: 182,
  PrimarySteppedDown: 189,
  NetworkInterfaceExceededTimeLimit: 202,
  /** A natural scan was to go on at a record that is gone. */
  KeyNotFound: 211,
  /** A collection was to be made in a database whose drop is under way. */
  DatabaseDropPending: 215,
  CloseChangeStream: 222,
  /** A 4.0 server whose data is still that of 3.6. */
  QueryFeatureNotAllowed: 224,
  /** The session has seen a later number. This fences an earlier owner of a load. */
  TransactionTooOld: 225,
  RetryChangeStream: 234,
  CursorKilled: 237,
  NotImplemented: 238,
  SnapshotUnavailable: 246,
  /** The transaction has expired, or was ended by a conflict. */
  NoSuchTransaction: 251,
  InvalidResumeToken: 260,
  /** The server's own time limit. */
  ExceededTimeLimit: 262,
  /** Somebody ended an index build: a dropIndexes that named its index, for instance. */
  IndexBuildAborted: 276,
  ChangeStreamFatalError: 280,
  ChangeStreamHistoryLost: 286,
  TransactionExceededLifetimeLimitSeconds: 290,
  /** Ours: DocumentDB before 8.0.2 refuses a transaction number outside of a transaction. */
  RetryableWritesNotSupported: 301,
  /** Ours: DocumentDB lacks what was asked for. */
  FeatureNotSupported: 303,
  ObjectIsBusy: 314,
  MechanismUnavailable: 334,
  /** Keys of more than one document keep an index from becoming unique. */
  CannotConvertIndexToUnique: 359,
  /** The collection of that uuid has another name now, or none. */
  CollectionUUIDMismatch: 361,
  TemporarilyUnavailable: 365,
  /** setUserWriteBlockMode. */
  UserWritesBlocked: 371,
  /** A transaction lost its place in the cache to others. Less at once, or later, may do. */
  TransactionTooLargeForCache: 388,
  /** Credentials have expired, and the driver logs in again. */
  ReauthenticationRequired: 391,
  IngressRequestRateLimitExceeded: 462,
  /** Atlas refuses the credentials, or a command that the tier does not have. */
  AtlasError: 8000,
  SocketException: 9001,
  LegacyNotPrimary: 10058,
  NotWritablePrimary: 10107,
  BSONObjectTooLarge: 10334,
  DuplicateKey: 11000,
  InterruptedAtShutdown: 11600,
  /** Somebody killed the operation. */
  Interrupted: 11601,
  InterruptedDueToReplStateChange: 11602,
  BackgroundOperationInProgressForNamespace: 12587,
  CannotCreateCollection: 13111,
  StaleConfig: 13388,
  NotPrimaryNoSecondaryOk: 13435,
  NotPrimaryOrSecondary: 13436,
  OutOfDiskSpace: 14031,
  /** Cosmos: the request rate is too large. */
  RequestRateTooLarge: 16500,
  /** Ours: `{'a.0': 1}` is indexed, and an element of `a` has a field named `0` too. */
  AmbiguousArrayIndex: 16746,
  /** Ours: a hashed index met an array. */
  HashedArray: 16766,
  /** Ours: a text index met a `language` field that is no string, or names no language. */
  TextLanguageType: 17261,
  TextLanguageUnknown: 17262,
  /** Servers before 4.2 refuse the key, in every kind of index but hashed ones. */
  KeyTooLong: 17280,
  /** Ours: an update, by modifiers or as a replacement, would make a document too large. */
  UpdatedDocumentTooLarge: 17419,
  ReplacedDocumentTooLarge: 17420,
  /** The server does not know a field of the command: its parser's answer since 4.4 or so. */
  IDLUnknownField: 40415,
  /** Ours: 4.0 does not find the event of a resume token, or the token is of another stream. */
  ResumeTokenNotFound: 40585,
  ResumeTokenOfOtherStream: 40615,
  /** Ours: the oplog of a 4.0 server does not reach back to the resume point. */
  ResumePointNotInOplog: 40576,
  /** Ours: a transaction number came with a command that is no retryable write. */
  NotARetryableWriteCommand: 50768,
  /** Ours: the stage that splits large change events cannot split this one. */
  ChangeEventNotSplittable: 7182500,
  /** Ours: the position of a natural scan belongs to another copy of the collection. */
  PositionOfOtherCopy: 8132701,
} as const;

export type ServerCodeName = keyof typeof SERVER_CODES;

function codes(...names: readonly ServerCodeName[]): (code: number | undefined) => boolean {
  const set: ReadonlySet<number | undefined> = new Set(names.map((name) => SERVER_CODES[name]));
  return (code) => set.has(code);
}

/** True if the code is one of these. */
export function isServerCode(code: number | undefined, ...names: readonly ServerCodeName[]): boolean {
  return names.some((name) => SERVER_CODES[name] === code);
}

/** The same command may succeed later: elections, shutdowns, time limits, throttling, … */
export const isTransientServerCode = codes(
  'HostUnreachable',
  'HostNotFound',
  'LockTimeout',
  'CursorNotFound',
  'LockBusy',
  'MaxTimeMSExpired',
  'StaleShardVersion',
  'WriteConcernFailed',
  'NetworkTimeout',
  'ShutdownInProgress',
  'WriteConflict',
  'ConflictingOperationInProgress',
  'FailedToSatisfyReadPreference',
  'ReadConcernMajorityNotAvailableYet',
  'StaleEpoch',
  'NamespaceNotSharded',
  'QueryPlanKilled',
  'PrimarySteppedDown',
  'NetworkInterfaceExceededTimeLimit',
  'DatabaseDropPending',
  'CloseChangeStream',
  'RetryChangeStream',
  'CursorKilled',
  'SnapshotUnavailable',
  'ExceededTimeLimit',
  'TransactionExceededLifetimeLimitSeconds',
  'ObjectIsBusy',
  'TemporarilyUnavailable',
  'UserWritesBlocked',
  'TransactionTooLargeForCache',
  'IngressRequestRateLimitExceeded',
  'SocketException',
  'LegacyNotPrimary',
  'NotWritablePrimary',
  'InterruptedAtShutdown',
  'Interrupted',
  'InterruptedDueToReplStateChange',
  'StaleConfig',
  'NotPrimaryNoSecondaryOk',
  'NotPrimaryOrSecondary',
  'RequestRateTooLarge',
);

/**
 * The server lacks the command, the field or the feature that was asked for. Any other code says
 * only that the command failed, and nothing about what the server can do.
 */
export const isNotSupportedCode = codes(
  'CommandNotFound',
  'CommandNotSupported',
  'NotImplemented',
  'RetryableWritesNotSupported',
  'FeatureNotSupported',
  'IllegalOperation',
  'FailedToParse',
  'InvalidOptions',
  'IDLUnknownField',
  'NotARetryableWriteCommand',
  'AtlasError',
);

export const isAuthenticationCode = codes('UserNotFound', 'AuthenticationFailed', 'MechanismUnavailable');

/** The server gave a cursor up, and the data may still be there. */
export const isLostCursorCode = codes(
  'CursorNotFound',
  'CappedPositionLost',
  'QueryPlanKilled',
  'CursorKilled',
  'Interrupted',
);

/** The source no longer holds the changes after the stream's position. */
export const isHistoryLostCode = codes(
  'CappedPositionLost',
  'InvalidResumeToken',
  'ChangeStreamFatalError',
  'ChangeStreamHistoryLost',
  'ResumePointNotInOplog',
  'ResumeTokenNotFound',
  'ResumeTokenOfOtherStream',
);

/**
 * A change event is too large to send. The error carries no label, and comes again at every
 * attempt.
 */
export const isEventTooLargeCode = codes('BSONObjectTooLarge', 'ChangeEventNotSplittable');

/** A document, or a key of it, is too large for the statement. Another statement may do. */
export const isTooLargeCode = codes(
  'BSONObjectTooLarge',
  'KeyTooLong',
  'UpdatedDocumentTooLarge',
  'ReplacedDocumentTooLarge',
);

/**
 * A change of structure failed because of the server's own state, which may change. It did not fail
 * because of what it asks for.
 */
export const isStateCode = codes(
  'NamespaceNotFound',
  'NamespaceExists',
  'BackgroundOperationInProgressForNamespace',
  'OutOfDiskSpace',
  'CannotCreateCollection',
  'UserWritesBlocked',
  'UnsatisfiableWriteConcern',
  'WriteConcernFailed',
);
