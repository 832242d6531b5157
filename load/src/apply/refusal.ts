/**
 * A write that the target refused for good, with the records it stands for. The writer returns
 * refusals as values; a {@link RefusalPolicy} decides what becomes of them.
 */
import { WaybillError } from '@waybill/shared/base/errors';
import { type RawElement, typeName } from '@waybill/shared/bson/raw';
import type { SegmentEntry } from '@waybill/shared/manifest/commit';
import { SERVER_CODES } from '@waybill/shared/mongo/driver/server-codes';
import { bothNames } from '../mapping/name-mapping.ts';
import type { StatementKind } from '../target/target.ts';

interface SegmentPlace {
  /** Whoever wants the whole record reads the segment again by this. */
  readonly entry?: SegmentEntry;
}

export interface SnapshotPlace extends SegmentPlace {
  /** Key of the segment, relative to the stream's folder. */
  readonly segment: string;
  readonly chunk: number | undefined;
  /** Of the segment's documents, counted from 0. */
  readonly document: number;
}

export interface ChangePlace extends SegmentPlace {
  readonly segment: string;
  readonly lane: number;
  readonly sequence: number;
}

/** Where a record stands in the bucket. */
export type RecordPlace = SnapshotPlace | ChangePlace;

export interface Refusal {
  readonly kind: StatementKind;
  /** On the target. */
  readonly namespace: string;
  /** The collection's name on the source. */
  readonly source: string;
  readonly id: RawElement;
  /** Null where the target refused a delete. */
  readonly document: Uint8Array | null;
  /**
   * Every record that the write stands for, oldest first. The last one gave the state that the
   * target refused.
   */
  readonly places: readonly RecordPlace[];
  /** The target answered, or a check refused the document before it was sent. */
  readonly by: 'check' | 'target';
  /** A stable short name: the check's, or `server-<code>`. */
  readonly rule: string;
  /** The server's; none where a check refused. */
  readonly code: number | undefined;
  /** Why, without a value of the document. The server's words lose the values that they quote. */
  readonly reason: string;
  /** How often the target was asked. */
  readonly attempts: number;
  /** The unique index that refused, where the server tells. */
  readonly indexName: string | undefined;
}

/**
 * Decides about refused writes, at least one. It rejects to stop the load. When it is fulfilled,
 * the load goes on without these writes and its cursor passes their records.
 */
export type RefusalPolicy = (refusals: readonly Refusal[]) => Promise<void>;

export function refusedError(refusal: Refusal): WaybillError {
  const { kind, namespace, source, places, by, rule, code, reason, indexName } = refusal;
  const idType = typeName(refusal.id.type);
  const { entry: _, ...place } = places.at(-1) ?? {};
  return new WaybillError(
    'TARGET_REFUSED_DOCUMENT',
    `the target ${by === 'check' ? 'would refuse' : 'refused'} the ${kind} of a document of ${bothNames(namespace, source)}, ${placeText(places.at(-1))}, _id of type ${idType}: ${reason} (${code === undefined ? rule : `code ${code}`})`,
    {
      hint: hintFor(refusal),
      context: {
        namespace,
        ...(source !== namespace && { source }),
        ...place,
        ...(places.length > 1 && { records: places.length }),
        idType,
        rule,
        serverCode: code,
        index: indexName,
      },
    },
  );
}

/** The rule of a refusal by the target's server. */
export function serverRule(code: number): string {
  return `server-${code}`;
}

function placeText(place: RecordPlace | undefined): string {
  if (place === undefined) return 'of an unknown place';
  if ('sequence' in place) return `change ${place.sequence}`;
  return `snapshot segment ${place.segment} (chunk ${place.chunk})`;
}

function hintFor({ by, code, namespace, source, indexName }: Refusal): string {
  if (by === 'check') {
    return `This kind of target takes no such document (docs/targets.md). Put such records aside as dead letters (--max-dead-letters), and run the same command again. Or leave ${source} out: --exclude in a new load (--load). waybill assess counts all of them.`;
  }
  switch (code) {
    case SERVER_CODES.DuplicateKey:
      return `On the target ${namespace} has a unique index${indexName ? ` (${indexName})` : ''} that the load did not make. Ask whoever made it whether it is needed. Drop it and run the same command again; cutover makes the source's own unique indexes.`;
    case SERVER_CODES.DocumentValidationFailure:
      return `On the target ${namespace} has a validator that differs from the source's. Ask whoever made it whether it is needed. Remove it (collMod) and run the same command again.`;
    case SERVER_CODES.Overflow:
      return `The source allows deeper nesting than the target. Start the target with --setParameter maxBSONDepth=<as on the source> and run the same command again: it goes on at this record.`;
    case SERVER_CODES.Unauthorized:
      return `Grant the user readWrite and dbAdmin on the database of ${namespace} on the target.`;
    case SERVER_CODES.IllegalOperation:
      return `The target cannot do this to ${namespace}: for instance, MongoDB before 5.0 cannot delete from a capped collection. Use a newer target, or leave the collection out: --exclude in a new load (--load).`;
    default:
      return `The message names the record and the target's reason. Remove that reason on the target and run the same command again: it goes on at this record. Or leave ${source} out: --exclude in a new load (--load).`;
  }
}
