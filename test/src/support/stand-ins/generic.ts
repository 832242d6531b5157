/** A server that nobody knows: section 5 of the target reference. It has what any server has. */
import { createWithout, noCollation, noRetryableWrites, noTransactions } from './common-rules.ts';
import { alone, imitation, PLAIN } from './plain.ts';
import { type Fault, fault, type StandInRules } from './rules.ts';

const HAS = new Set(
  [
    ...['insert', 'update', 'delete', 'find', 'getMore', 'killCursors', 'aggregate', 'count', 'drop'],
    ...['create', 'createIndexes', 'dropIndexes', 'listDatabases', 'listCollections', 'listIndexes'],
    ...['buildInfo', 'hello', 'isMaster', 'ping', 'endSessions'],
  ].map((name) => name.toLowerCase()),
);
const missing = (what: string): Fault => fault(238, 'NotImplemented', `${what} is not implemented`);
/** 8: nothing that only MongoDB's own server is known to take. */
const UNKNOWN = ['comment', 'bypassEmptyTsReplacement', 'bypassDocumentValidation', 'collectionUUID'];

export const UNKNOWN_SERVER: StandInRules = {
  ...PLAIN,
  title: 'a server that nobody knows',
  lacks: (command) =>
    HAS.has(command.toLowerCase()) ? null : fault(59, 'CommandNotFound', `no such command: '${command}'`),
  commands: [
    // 5: everything is off.
    noRetryableWrites(fault(20, 'IllegalOperation', 'transaction numbers are not supported')),
    noTransactions(missing('a transaction')),
    noCollation(missing('collation')),
    createWithout(['capped', 'timeseries', 'viewOn', 'validator'], missing('an option of create')),
    {
      name: 'unknown-fields',
      commands: null,
      refuses: (request) =>
        UNKNOWN.some((name) => request.field(name))
          ? fault(40415, 'IDLUnknownField', 'the command has a field that is not known')
          : null,
    },
  ],
  hello: alone,
  buildInfo: (reply) => imitation(reply, 5),
  tells: { times: false, uuids: false },
};
