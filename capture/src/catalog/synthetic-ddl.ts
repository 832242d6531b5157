/**
 * Structure changes that no server has sent, in the form in which servers from 6.0 send them. Pure.
 */

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
 * What makes a collection or view as it is: a `create`, and a `createIndexes` where there are more
 * than the `_id` index.
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
 * The definition stands beside the last of them: a commit may end between two, and until it has all
 * of them a crash must not leave it said that they were told.
 */
export function leaving(events: readonly DdlEvent[], definition: CollectionDefinition): ToldDdl[] {
  const last = events.length - 1;
  return events.map((event, at) => ({ event, definition: at === last ? definition : null }));
}

/** Of `createIndexes` and `dropIndexes`. */
export function indexesDescription(indexes: readonly Uint8Array[]): Buffer {
  return buildDocument([['indexes', array(buildArray(indexes.map(doc)))]]);
}
