/** Structure changes that no server has sent, in the form of servers from 6.0. Pure. */

import { type ClusterTime, formatClusterTime } from '@waybill/shared/base/position';
import { array, buildArray, buildDocument, doc } from '@waybill/shared/bson/build';
import { asBuffer } from '@waybill/shared/bson/raw';
import type { CollectionDefinition, DdlEvent } from '@waybill/shared/manifest/commit';
import { createDescription, indexesOf, isIdIndex } from './definition.ts';

/** A structure change as a commit tells it. */
export interface ToldDdl {
  readonly event: DdlEvent;
  /** What it left; null where the event itself says enough. */
  readonly definition: CollectionDefinition | null;
}

export function synthetic(
  operation: DdlEvent['operation'],
  namespace: string,
  time: ClusterTime,
  collectionUuid: string | null = null,
  description: Uint8Array | null = null,
): DdlEvent {
  return {
    operation,
    namespace,
    collectionUuid,
    clusterTime: formatClusterTime(time),
    wallTime: null,
    description: description === null ? null : asBuffer(description).toString('base64'),
  };
}

/**
 * The structure changes that make a collection or view as it is: a `create`, and a `createIndexes`
 * if it has more than the `_id` index.
 */
export function creation(definition: CollectionDefinition, time: ClusterTime): ToldDdl[] {
  const { namespace, uuid } = definition;
  const events = [synthetic('create', namespace, time, uuid, createDescription(definition))];
  const secondary = indexesOf(definition).filter((index) => !isIdIndex(index));
  if (secondary.length > 0) {
    events.push(synthetic('createIndexes', namespace, time, uuid, indexesDescription(secondary)));
  }
  return leaving(events, definition);
}

/**
 * The definition comes with the last event. A commit may end between two events, and a crash there
 * must not leave a definition whose events were not all told.
 */
export function leaving(events: readonly DdlEvent[], definition: CollectionDefinition): ToldDdl[] {
  const last = events.length - 1;
  return events.map((event, at) => ({ event, definition: at === last ? definition : null }));
}

/** The description of `createIndexes` and `dropIndexes`. */
export function indexesDescription(indexes: readonly Uint8Array[]): Buffer {
  return buildDocument([['indexes', array(buildArray(indexes.map(doc)))]]);
}
