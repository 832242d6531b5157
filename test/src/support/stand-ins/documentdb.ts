/** Amazon DocumentDB, engine 5.0: sections 1 and 5 of the target reference. */
import { createWithout, noCollation, noRetryableWrites, oneBuild } from './common-rules.ts';
import { entryBytes } from './documents.ts';
import { imitation, onlyMember, PLAIN } from './plain.ts';
import { type CommandRule, type Fault, fault, type StandInRules } from './rules.ts';

/** 1: named as missing. The reference gives no code; servers of this kind say 303. */
const missing = (what: string): Fault => fault(303, 'FeatureNotSupported', `feature not supported: ${what}`);
const LACKS = new Set(['bulkWrite', 'convertToCapped', 'replSetGetConfig', 'mapReduce', 'reIndex']);
const KEY_BYTES = 2048;

const RULES: readonly CommandRule[] = [
  // 5: no retryable writes before 8.0.2. The reference gives no code; servers of this kind say 301.
  noRetryableWrites(fault(301, 'RetryableWritesNotSupported', 'Retryable writes are not supported')),
  // 1, 5: no collation, capped or time-series collections, and no views before 8.0.
  noCollation(missing('collation')),
  createWithout(['capped', 'timeseries', 'viewOn'], missing('an option of create')),
  // 1, 5: one build a collection. The reference gives no code; MongoDB's own is 12587.
  oneBuild(fault(12587, 'BackgroundOperationInProgressForNamespace', 'an index of it is being built')),
  {
    // 5: a transaction that expired.
    name: 'transaction-expired',
    commands: null,
    refuses: (request, { transactionsExpired }) =>
      transactionsExpired && request.isInTransaction && !request.isTrue('startTransaction')
        ? fault(251, 'NoSuchTransaction', 'the transaction has expired', 'TransientTransactionError')
        : null,
  },
];

export const DOCUMENTDB: StandInRules = {
  ...PLAIN,
  title: 'Amazon DocumentDB',
  lacks: (command) => (LACKS.has(command) ? missing(command) : null),
  commands: RULES,
  documents: [
    {
      // 5: keys of unique and compound indexes. MongoDB's own code before 4.2 was 17280.
      name: 'index-key',
      manner: 'statement',
      refuses: (candidate, { indexes }) =>
        [...indexes(candidate.namespace).values()].some((key) => entryBytes(candidate, key) > KEY_BYTES)
          ? fault(17280, 'KeyTooLong', 'an index key is larger than 2048 bytes')
          : null,
    },
  ],
  // 5: replicaSet=rs0.
  hello: (reply, host) => ({ ...onlyMember(reply, 'rs0', host), maxWireVersion: 13 }),
  buildInfo: (reply) => imitation(reply, 5),
  tells: { times: true, uuids: false },
};
