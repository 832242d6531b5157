import { WaybillError } from '@waybill/shared/base/errors';
import { asBuffer, findElement } from '@waybill/shared/bson/raw';
import type { CollectionDefinition, DdlEvent } from '@waybill/shared/manifest/commit';
import type { NamespaceFilter } from '@waybill/shared/mongo/facts/namespace-filter';
import { asDdlEvent } from '../catalog/ddl-event.ts';
import { definitionOfCreate, isEncryptedCreate, isTimeSeriesCreate } from '../catalog/definition.ts';
import type { KnownCollections } from '../catalog/known-collections.ts';
import type { ChangeEvent } from '../event/change-event.ts';

/** What a structure event means for the stream. */
export type DdlDecision =
  /** Recorded as it is. `definition` is what a create has left. */
  | { readonly kind: 'record'; readonly event: DdlEvent; readonly definition: CollectionDefinition | null }
  /**
   * The whole collection has to be read after the events: it comes into the stream, or may have
   * been mistaken for another.
   */
  | { readonly kind: 'reread'; readonly before: readonly DdlEvent[]; readonly namespace: string }
  /**
   * The same collection at another place in the cluster, under a new uuid: it is read whole over
   * what is there already. Nothing is dropped, since the stream has what was deleted meanwhile.
   * `final` is false if the move may still fail.
   */
  | { readonly kind: 'moved'; readonly namespace: string; readonly uuid: string; readonly final: boolean }
  /**
   * A drop that may be of a copy: on a sharded cluster, moving data drops what it leaves behind.
   */
  | { readonly kind: 'doubtful-drop'; readonly event: DdlEvent }
  /** Not captured, or it changes no data and nothing that a target has. */
  | { readonly kind: 'ignore'; readonly reason: string };

export interface DdlContext {
  readonly filter: NamespaceFilter;
  readonly known: KnownCollections;
  readonly isSharded: boolean;
  readonly timeSeries: 'refuse' | 'snapshot-only';
  /** Whether every collection of the database is captured. */
  readonly isWholeDatabase: (database: string) => boolean;
}

/** These place data in a sharded cluster, and leave it as it is. */
const PLACEMENT: ReadonlySet<string> = new Set([
  'shardCollection',
  'refineCollectionShardKey',
  'movePrimary',
]);

/** The name under which convertToCapped makes the new collection. */
const CONVERTED = /^[^.]+\.tmp[^.]{5}\.convertToCapped\./;

const DATA: ReadonlySet<string> = new Set(['insert', 'update', 'replace', 'delete']);

export function isDataEvent(operationType: string): boolean {
  return DATA.has(operationType);
}

/** @throws SOURCE_EVENT_UNKNOWN for a type that this version does not know; SOURCE_UNSUPPORTED */
export function decideDdl(event: ChangeEvent, context: DdlContext): DdlDecision {
  const { operationType } = event;
  if (operationType === 'invalidate') return ignore('the server ends the stream; it is opened again behind');
  if (PLACEMENT.has(operationType)) return ignore('it only places data');
  if (operationType === 'reshardCollection') {
    // The same data is now in a new collection with a new uuid, so images of updates before it were
    // not found.
    return decideReshard(event, context);
  }
  const ddl = asDdlEvent(event);
  if (ddl === null) {
    throw new WaybillError(
      'SOURCE_EVENT_UNKNOWN',
      `the change stream sent an event of the unknown type ${JSON.stringify(operationType)}`,
      {
        hint: 'Use a version of Waybill that knows it. Nothing after the event was captured; starting again goes on before it.',
        context: { operationType, namespace: event.namespace ?? '' },
      },
    );
  }
  const { namespace } = ddl;
  if (operationType === 'dropDatabase') {
    // The drops of its collections came before it.
    if (!context.isWholeDatabase(namespace)) return ignore('only some of its collections are captured');
    // If so, one of the drops was not believed, or its collection has been read again.
    if (context.isSharded && context.known.livesIn(namespace)) return ignore('it still has collections');
    return record(ddl);
  }
  if (operationType === 'rename') return decideRename(event, ddl, context);
  if (!context.filter.matches(namespace)) return ignore('not captured');
  if (operationType === 'create') return decideCreate(event, ddl, context);
  if (operationType === 'drop') return decideDrop(ddl, context);
  return record(ddl);
}

function decideCreate(event: ChangeEvent, ddl: DdlEvent, context: DdlContext): DdlDecision {
  const { namespace, collectionUuid } = ddl;
  const description = event.operationDescription;
  if (isTimeSeriesCreate(description)) {
    if (context.timeSeries === 'snapshot-only') return ignore('a time-series collection');
    throw unsupported(namespace, 'is a time-series collection, whose inserts change streams do not show');
  }
  if (isEncryptedCreate(description)) throw unsupported(namespace, 'uses queryable encryption');
  const known = context.known.get(namespace);
  if (known && known.uuid !== null && known.uuid === collectionUuid) return ignore('it is known already');
  // A name is dropped before it is given again, and the drop is in the stream. Only movePrimary
  // makes a collection anew under its name.
  const isMoved = context.isSharded && known?.type === 'collection' && known.uuid !== null;
  if (isMoved && collectionUuid !== null) {
    return { kind: 'moved', namespace, uuid: collectionUuid, final: false };
  }
  return {
    kind: 'record',
    event: ddl,
    definition: definitionOfCreate(namespace, collectionUuid, description),
  };
}

function decideDrop(ddl: DdlEvent, { isSharded }: DdlContext): DdlDecision {
  return isSharded ? { kind: 'doubtful-drop', event: ddl } : record(ddl);
}

function decideReshard(event: ChangeEvent, { filter, known }: DdlContext): DdlDecision {
  const namespace = event.namespace ?? '';
  if (!filter.matches(namespace)) return ignore('not captured');
  const element = event.operationDescription && findElement(event.operationDescription, 'reshardUUID');
  if (!element || !known.get(namespace)) return { kind: 'reread', before: [], namespace };
  // A binary value: length and subtype come before the sixteen bytes.
  const uuid = asBuffer(element.bytes).toString('hex', 5);
  return { kind: 'moved', namespace, uuid, final: true };
}

/**
 * A rename inside the captured namespaces is recorded; out of them it is a drop; into them the
 * collection has to be read. It is also read again
 *
 *   - if events carry no uuid (before 6.0): images were looked up by name, and may be another
 *     collection's
 *   - if convertToCapped has replaced it: the stream does not show the documents that it copied
 */
function decideRename(event: ChangeEvent, ddl: DdlEvent, context: DdlContext): DdlDecision {
  const to = event.to ?? '';
  const from = context.filter.matches(ddl.namespace);
  const into = context.filter.matches(to);
  if (!from && !into) return ignore('not captured');
  if (!into) return record({ ...withoutTo(ddl), operation: 'drop', description: null });
  if (!from) {
    // The collection that had the name goes, even if we do not know it: it may have been gone
    // before the inventory, and have changes in the stream.
    const drop: DdlEvent = {
      ...withoutTo(ddl),
      operation: 'drop',
      namespace: to,
      collectionUuid: null,
      description: null,
    };
    return { kind: 'reread', before: [drop], namespace: to };
  }
  if (event.collectionUuid === null || CONVERTED.test(ddl.namespace))
    return { kind: 'reread', before: [ddl], namespace: to };
  return record(ddl);
}

function withoutTo({ to: _to, ...rest }: DdlEvent): DdlEvent {
  return rest;
}

function record(event: DdlEvent): DdlDecision {
  return { kind: 'record', event, definition: null };
}

function ignore(reason: string): DdlDecision {
  return { kind: 'ignore', reason };
}

function unsupported(namespace: string, why: string): WaybillError {
  return new WaybillError('SOURCE_UNSUPPORTED', `${namespace} was created and ${why}`, {
    hint: `Leave it out with --exclude ${namespace}.`,
    context: { namespace },
  });
}
