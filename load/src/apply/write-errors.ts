/**
 * What to do about single statements that a server refused. Pure; one table, by the server's codes.
 */

import { WaybillError } from '@waybill/shared/base/errors';
import { BsonType, type RawElement } from '@waybill/shared/bson/raw';
import {
  isTooLargeCode,
  isTransientServerCode,
  SERVER_CODES,
} from '@waybill/shared/mongo/driver/server-codes';
import type { StatementFailure, StatementKind } from '../target/target.ts';

/**
 * retry: the same statement may succeed. replace: an insert met a document of that `_id` (a
 * repeated segment), make it an upsert. pipeline: a replacement must not hold the names that this
 * document has, an update by pipeline may. reinsert: a document with an equal but different `_id`
 * stands there, delete it and write the new one. refuse: for good.
 */
export type Tactic = 'retry' | 'replace' | 'pipeline' | 'reinsert' | 'refuse';

export function tacticFor(kind: StatementKind, failure: StatementFailure): Tactic {
  if (isTransientServerCode(failure.code)) return 'retry';
  if (failure.duplicateId) {
    // Two upserts of one `_id` raced (a repeat that overlaps an earlier attempt): the second then
    // finds the first.
    return kind === 'insert' ? 'replace' : 'reinsert';
  }
  if (kind === 'update') {
    if (failure.code === SERVER_CODES.ImmutableField) return 'reinsert';
    if (failure.code === SERVER_CODES.DollarPrefixedFieldName) return 'pipeline';
    // The statement holds the `_id` twice, so a document at the limit may fit an insert and no
    // update.
    if (isTooLargeCode(failure.code)) return 'reinsert';
  }
  return 'refuse';
}

/**
 * Where a document came from, for the message: a change's sequence, or a segment of the snapshot.
 */
export interface RecordPlace {
  readonly sequence?: number | undefined;
  readonly segment?: string | undefined;
  readonly chunk?: number | undefined;
}

export interface Refusal {
  readonly kind: StatementKind;
  readonly namespace: string;
  readonly place: RecordPlace;
  readonly id: RawElement;
  readonly code: number;
  readonly message: string;
  readonly indexName?: string | undefined;
}

export function refusedError(refusal: Refusal): WaybillError {
  const { kind, namespace, place, code, message, indexName } = refusal;
  const idType = typeName(refusal.id.type);
  const where =
    place.sequence === undefined
      ? `snapshot segment ${place.segment} (chunk ${place.chunk})`
      : `change ${place.sequence}`;
  return new WaybillError(
    'TARGET_REFUSED_DOCUMENT',
    `the target refused the ${kind} of a document of ${namespace}, ${where}, _id of type ${idType}: ${message} (code ${code})`,
    {
      hint: hintFor(refusal),
      context: {
        namespace,
        sequence: place.sequence,
        segment: place.segment,
        chunk: place.chunk,
        idType,
        serverCode: code,
        index: indexName,
      },
    },
  );
}

function hintFor({ code, namespace, indexName }: Refusal): string {
  switch (code) {
    case SERVER_CODES.DuplicateKey:
      return `A unique index${indexName ? ` (${indexName})` : ''} that the load did not make stands on ${namespace} on the target: who made it knows whether it is needed. Once it is gone, run the same command again; cutover makes the source's own unique indexes.`;
    case SERVER_CODES.DocumentValidationFailure:
      return `A validator that differs from the source's stands on ${namespace} on the target: who made it knows whether it is needed. Once it is removed there (collMod), run the same command again.`;
    case SERVER_CODES.Overflow:
      return `The source allows deeper nesting than the target. Start the target with --setParameter maxBSONDepth=<as on the source> and run the same command again: it goes on at this record.`;
    case SERVER_CODES.Unauthorized:
      return `Grant the user readWrite and dbAdmin on the database of ${namespace} on the target.`;
    case SERVER_CODES.IllegalOperation:
      return `The target cannot do this to ${namespace} (for instance deletes from a capped collection before MongoDB 5.0). Use a newer target, or leave the collection out: --exclude in a new load (--load).`;
    default:
      return `The message names the record and the target's reason. Remove that reason on the target, and run the same command again: it goes on at this record. A new load (--load) can leave ${namespace} out with --exclude.`;
  }
}

const TYPE_NAMES = new Map<number, string>(Object.entries(BsonType).map(([name, type]) => [type, name]));

export function typeName(type: number): string {
  return TYPE_NAMES.get(type) ?? `0x${type.toString(16)}`;
}
