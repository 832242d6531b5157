/** Which commands Firestore with MongoDB compatibility refuses, of those that it has. */
import { BsonType, elements, findElement } from '@waybill/shared/bson/raw';
import type { Request } from './request.ts';
import { type CommandRule, type Fault, fault } from './rules.ts';

/** 2.2: options that create refuses. */
const CREATE_OPTIONS = new Set(
  [
    'timeseries',
    'expireAfterSeconds',
    'clusteredIndex',
    'changeStreamPreAndPostImages',
    'size',
    'max',
  ].concat(
    ['storageEngine', 'validator', 'validationLevel', 'validationAction', 'indexOptionDefaults', 'viewOn'],
    ['pipeline', 'collation', 'encryptedFields'],
  ),
);
const COLLECTION_BYTES = 1500;
const MIB = 1 << 20;

export const unsupported = (text: string): Fault => fault(115, 'CommandNotSupported', text);

const statements = (request: Request): readonly Buffer[] =>
  ['updates', 'deletes'].flatMap((name) => request.documents(name));

const stages = (request: Request): readonly string[] =>
  request.documents('pipeline').flatMap((stage) => [...elements(stage)].map(({ name }) => name));

export const FIRESTORE_COMMANDS: readonly CommandRule[] = [
  {
    // 2.1: one connection reaches one database. The reference gives no code.
    name: 'one-database',
    commands: null,
    refuses: ({ database }, standing) =>
      database === standing.database || database === 'admin' || database === '$external'
        ? null
        : fault(13, 'Unauthorized', 'the connection reaches one database'),
  },
  {
    // 2.1: and no collection of another.
    name: 'no-admin-collections',
    commands: [
      'insert',
      'update',
      'delete',
      'find',
      'aggregate',
      'create',
      'createIndexes',
      'listCollections',
    ],
    refuses: ({ database }, standing) =>
      database === standing.database
        ? null
        : fault(13, 'Unauthorized', 'the connection reaches one database'),
  },
  {
    // 2.3: names of collections. The reference gives no code; MongoDB's own is 73.
    name: 'collection-name',
    commands: ['insert', 'update', 'delete', 'create', 'createIndexes', 'findAndModify'],
    refuses: ({ collection: name }) =>
      name === null ||
      name === '' ||
      /^__.*__$|\$|^system\.|\.system\./s.test(name) ||
      Buffer.byteLength(name) > COLLECTION_BYTES
        ? fault(73, 'InvalidNamespace', 'not a name for a collection')
        : null,
  },
  {
    // 2.1: retryWrites must be false. The reference gives no code; MongoDB's own is 20.
    name: 'no-retryable-writes',
    commands: ['insert', 'update', 'delete', 'findAndModify'],
    refuses: (request) =>
      request.field('txnNumber') && !request.isInTransaction
        ? fault(20, 'IllegalOperation', 'retryable writes are not supported')
        : null,
  },
  {
    // 2.1: w is 1 or majority.
    name: 'write-concern',
    commands: ['insert', 'update', 'delete', 'findAndModify', 'createIndexes', 'drop', 'create'],
    refuses: (request) => {
      const concern = request.field('writeConcern');
      const w = concern && findElement(concern.bytes, 'w');
      const isKnown =
        !w ||
        (w.type === BsonType.string
          ? Buffer.from(w.bytes).includes('majority')
          : w.type === BsonType.int32 && w.bytes[0] === 1);
      const asksJournal = concern && findElement(concern.bytes, 'j')?.bytes[0] === 1;
      return isKnown && !asksJournal
        ? null
        : fault(2, 'InvalidArgument', 'write concerns are w:1 and w:majority');
    },
  },
  {
    // 2.2: not listed, so not known. MongoDB's own code for such a field is 40415.
    name: 'unknown-fields',
    commands: null,
    refuses: (request) =>
      request.field('bypassEmptyTsReplacement') || request.field('collectionUUID')
        ? fault(40415, 'IDLUnknownField', 'the command has a field that is not known')
        : null,
  },
  {
    // 2.2: create does nothing, and refuses these options. Capped must be false.
    name: 'create-options',
    commands: ['create'],
    refuses: (request) =>
      request.isTrue('capped') || request.names.some((name) => CREATE_OPTIONS.has(name))
        ? unsupported('an option of create is not supported')
        : null,
  },
  {
    // 2.2: no collation and no `let`, in the command or in a statement of it.
    name: 'collation-and-let',
    commands: ['find', 'update', 'delete', 'count', 'distinct', 'findAndModify', 'aggregate'],
    refuses: (request) =>
      request.field('collation') ||
      request.field('let') ||
      statements(request).some((one) => findElement(one, 'collation'))
        ? unsupported('collation and let are not supported')
        : null,
  },
  {
    // 2.2: neither $out nor $merge; 2.1: no currentOp.
    name: 'stages',
    commands: ['aggregate'],
    refuses: (request) =>
      stages(request).some((name) =>
        ['$out', '$merge', '$currentOp', '$changeStream', '$listSessions'].includes(name),
      )
        ? unsupported('a stage of the pipeline is not supported')
        : null,
  },
  {
    // 2.4: one index a request; no partial, wildcard, hashed or 2d index, and no collation.
    name: 'indexes',
    commands: ['createIndexes'],
    refuses: (request) => {
      const indexes = request.documents('indexes');
      if (indexes.length !== 1) return fault(2, 'InvalidArgument', 'one index a request');
      return isIndexKnown(indexes[0]!) ? null : unsupported('this kind of index is not supported');
    },
  },
  {
    // The reference gives no limit of a request (2.5). 10 MiB was that of the native API.
    name: 'request-size',
    commands: ['insert', 'update', 'delete'],
    refuses: ({ statements: all }) =>
      all.length > 1 && all.reduce((sum, { length }) => sum + length, 0) > 10 * MIB
        ? fault(10334, 'BSONObjectTooLarge', 'the request is too large')
        : null,
  },
];

function isIndexKnown(index: Buffer): boolean {
  if (['partialFilterExpression', 'collation', 'wildcardProjection'].some((name) => findElement(index, name)))
    return false;
  const key = findElement(index, 'key')!;
  return [...elements(key.bytes)].every(
    ({ name, type, bytes }) =>
      !name.includes('$**') &&
      (type !== BsonType.string ||
        ['text', '2dsphere'].includes(bytes.toString('utf8', 4, bytes.length - 1))),
  );
}
