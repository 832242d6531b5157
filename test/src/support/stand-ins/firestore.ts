/** Firestore with MongoDB compatibility: section 2 of the target reference. */
import { ObjectId } from 'mongodb-4-0';
import { FIRESTORE_COMMANDS, unsupported } from './firestore-commands.ts';
import { canonicalise, FIRESTORE_DOCUMENTS } from './firestore-documents.ts';
import { alone, imitation, PLAIN } from './plain.ts';
import { fault, type StandInRules } from './rules.ts';

/** 2.1, 2.2, 2.5. Whatever is not listed is not supported. */
const HAS = new Set(
  [
    ...['insert', 'update', 'delete', 'find', 'findAndModify', 'getMore', 'killCursors', 'aggregate'],
    ...['count', 'distinct', 'explain', 'create', 'createIndexes', 'dropIndexes', 'drop', 'endSessions'],
    ...['commitTransaction', 'abortTransaction', 'buildInfo', 'connectionStatus', 'hostInfo', 'collStats'],
    ...['listDatabases', 'listCollections', 'listIndexes', 'ping', 'hello', 'isMaster'],
    ...['saslStart', 'saslContinue', 'authenticate', 'logout'],
  ].map((name) => name.toLowerCase()),
);
/** 2.2: named by the pages as not supported. Others are not known at all. */
const NAMED = new Set(
  ['collMod', 'renameCollection', 'dropDatabase', 'convertToCapped', 'reIndex', 'refreshSessions'].concat([
    'killSessions',
    'mapReduce',
    'serverStatus',
    'dbStats',
    'dataSize',
    'currentOp',
    'dbHash',
    'whatsmyuri',
  ]),
);
const MIB = 1 << 20;
const SERVICE = new ObjectId('0123456789abcdef01234567');

export const FIRESTORE: StandInRules = {
  ...PLAIN,
  title: 'Firestore with MongoDB compatibility',
  lacks: (command) => {
    if (HAS.has(command.toLowerCase())) return null;
    return NAMED.has(command)
      ? unsupported(`${command} is not supported`)
      : fault(59, 'CommandNotFound', `no such command: '${command}'`);
  },
  commands: FIRESTORE_COMMANDS,
  documents: FIRESTORE_DOCUMENTS,
  // 2.1: maxTimeMS and comment may be ignored. Validators do not exist, so nothing goes past them.
  ignored: new Set(['maxTimeMS', 'comment', 'bypassDocumentValidation']),
  withoutEffect: new Set(['create']),
  // 2.1: the driver wants a serviceId. 1: 16 MiB a document.
  hello: (reply) => ({ ...alone(reply), serviceId: SERVICE, maxBsonObjectSize: 16 * MIB }),
  // 1: which versions it presents.
  buildInfo: (reply) => imitation(reply, 8),
  // 9: it is not known whether it gives them.
  tells: { times: false, uuids: false },
  alter: canonicalise,
  needsLoadBalanced: true,
  // 2.4: a build of minutes.
  buildsLater: true,
  // 2.7.
  pushback: fault(
    112,
    'Aborted',
    'too much contention on these documents; please try again',
    'RetryableError',
  ),
  deadline: fault(262, 'ExceededTimeLimit', 'the operation exceeded its deadline'),
};
