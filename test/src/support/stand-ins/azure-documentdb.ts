/** Azure DocumentDB: sections 1 and 5 of the target reference. */
import {
  createWithout,
  idBytes,
  indexesOfCollection,
  indexFields,
  noRetryableWrites,
  oneBuild,
} from './common-rules.ts';
import { alone, imitation, PLAIN } from './plain.ts';
import { type Fault, fault, type StandInRules } from './rules.ts';

const missing = (what: string): Fault => fault(115, 'CommandNotSupported', `${what} is not supported`);
const LACKS = new Set(['bulkWrite', 'convertToCapped', 'replSetGetConfig', 'reIndex', 'mapReduce']);

export const AZURE_DOCUMENTDB: StandInRules = {
  ...PLAIN,
  title: 'Azure DocumentDB',
  lacks: (command) => (LACKS.has(command) ? missing(command) : null),
  commands: [
    // 1: the vendor's connection string says retryWrites=false. The reference gives no code.
    noRetryableWrites(fault(20, 'IllegalOperation', 'retryable writes are not supported')),
    // 1: no capped and no time-series collections.
    createWithout(['capped', 'timeseries'], missing('an option of create')),
    // 5: one build a collection. The reference gives no code; MongoDB's own is 12587.
    oneBuild(fault(12587, 'BackgroundOperationInProgressForNamespace', 'an index of it is being built')),
    // 5: 64 indexes, 32 fields. The reference gives no code; MongoDB's own is 67.
    indexesOfCollection(64, fault(67, 'CannotCreateIndex', 'a collection has at most 64 indexes')),
    indexFields(32, fault(67, 'CannotCreateIndex', 'an index has at most 32 fields')),
  ],
  // 5: 2 KB. The reference gives no code.
  documents: [idBytes(2048, fault(2, 'BadValue', 'an _id has at most 2 KB'))],
  // 5: how it is told from others, and that it looks like a mongos.
  hello: (reply) => ({ ...alone(reply), msg: 'isdbgrid', internal: { documentdb_versions: ['0.104-0'] } }),
  buildInfo: (reply) => imitation(reply, 8),
  tells: { times: false, uuids: false },
  // 5: of clusters with request units; the others say nothing of a rate.
  pushback: fault(16500, 'RequestRateTooLarge', 'Request rate is large. RetryAfterMs=50'),
  // 5: the limit of a command's time surfaces as 50.
  deadline: fault(50, 'MaxTimeMSExpired', 'the command exceeded its time limit'),
};
