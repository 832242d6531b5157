/** Rules that several targets have. Each target's file cites the fact for its own use. */
import { BsonType, elements, findElement } from '@waybill/shared/bson/raw';
import type { Request } from './request.ts';
import type { CommandRule, DocumentRule, Fault } from './rules.ts';

/** A transaction's number outside of a transaction. */
export const noRetryableWrites = (fault: Fault): CommandRule => ({
  name: 'no-retryable-writes',
  commands: ['insert', 'update', 'delete', 'findAndModify'],
  refuses: (request) => (request.field('txnNumber') && !request.isInTransaction ? fault : null),
});

export const noTransactions = (fault: Fault): CommandRule => ({
  name: 'no-transactions',
  commands: null,
  refuses: (request) => (request.isInTransaction ? fault : null),
});

/** Of the command, of a statement or of an index. */
export const noCollation = (fault: Fault): CommandRule => ({
  name: 'no-collation',
  commands: null,
  refuses: (request) =>
    request.field('collation') || parts(request).some((part) => findElement(part, 'collation'))
      ? fault
      : null,
});

export const oneBuild = (fault: Fault): CommandRule => ({
  name: 'one-build',
  commands: ['createIndexes'],
  refuses: ({ namespace }, { builds }) => (builds(namespace) > 0 ? fault : null),
});

export const indexFields = (most: number, fault: Fault): CommandRule => ({
  name: 'index-fields',
  commands: ['createIndexes'],
  refuses: (request) =>
    request
      .documents('indexes')
      .some((index) => [...elements(findElement(index, 'key')!.bytes)].length > most)
      ? fault
      : null,
});

/** With the index of `_id`. */
export const indexesOfCollection = (most: number, fault: Fault): CommandRule => ({
  name: 'index-count',
  commands: ['createIndexes'],
  refuses: (request, { indexes }) =>
    indexes(request.namespace).size + request.documents('indexes').length + 1 > most ? fault : null,
});

export const createWithout = (options: readonly string[], fault: Fault): CommandRule => ({
  name: 'create-options',
  commands: ['create'],
  refuses: (request) =>
    request.isTrue('capped') && options.includes('capped')
      ? fault
      : options.some((name) => name !== 'capped' && request.field(name))
        ? fault
        : null,
});

export const idBytes = (most: number, fault: Fault): DocumentRule => ({
  name: 'id-size',
  manner: 'statement',
  refuses: ({ id }) => (id && id.bytes.length - (id.type === BsonType.string ? 5 : 0) > most ? fault : null),
});

function parts(request: Request): readonly Buffer[] {
  return ['updates', 'deletes', 'indexes'].flatMap((name) => request.documents(name));
}
