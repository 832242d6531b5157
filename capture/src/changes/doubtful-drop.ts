/**
 * Decides whether a `drop` on a sharded cluster is real. Moving an unsharded collection to another
 * shard makes it again there, with a new uuid, and drops the old copy; if the move fails, it drops
 * the new one. Pure.
 */

import { splitNamespace } from '@waybill/shared/base/record';
import type { DdlEvent } from '@waybill/shared/manifest/commit';
import type { CollectionInfo } from '@waybill/shared/mongo/facts/collections';
import type { KnownCollections } from '../catalog/known-collections.ts';
import type { DdlDecision } from './ddl.ts';

/**
 * `listed` is the catalog of the database now, so it is later than the event. If the two cases
 * cannot be told apart, the collection is dropped and read again. After a real drop the documents
 * are early, and their own events repair them; after the drop of a copy they would be missing.
 */
export function judgeDrop(
  event: DdlEvent,
  known: KnownCollections,
  listed: readonly Pick<CollectionInfo, 'name' | 'type' | 'uuid'>[],
): DdlDecision {
  const { namespace, collectionUuid: dropped } = event;
  const { collection } = splitNamespace(namespace);
  const expected = known.get(namespace)?.uuid ?? null;
  const hex = (uuid: Buffer | null): string | null => uuid?.toString('hex') ?? null;
  const standing = listed.find(({ name }) => name === collection);
  if (standing?.type !== 'collection') {
    // If so, its rename is still to come in the stream.
    const isElsewhere = expected !== null && listed.some(({ uuid }) => hex(uuid) === expected);
    return isElsewhere && expected !== dropped ? only('a copy of a collection') : recorded(event);
  }
  const uuid = hex(standing.uuid);
  // The uuid that we know comes from the stream or the inventory, so its collection has lived on
  // until now.
  if (uuid === dropped || (uuid !== null && uuid === expected)) return only('a copy of a collection');
  // A copy is dropped only after its successor was created, so this is none.
  if (dropped !== null && dropped === expected && !known.isTakenOver(dropped)) return recorded(event);
  return { kind: 'reread', before: [event], namespace };
}

function recorded(event: DdlEvent): DdlDecision {
  return { kind: 'record', event, definition: null };
}

function only(what: string): DdlDecision {
  return { kind: 'ignore', reason: `only ${what} was dropped` };
}
