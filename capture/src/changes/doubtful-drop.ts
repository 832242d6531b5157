/**
 * Whether a `drop` that a sharded cluster sends means what it says. Moving an unsharded collection
 * to another shard makes it anew there, with a new uuid, and drops the old copy; or the new one, if
 * the move fails. Pure.
 */

import { splitNamespace } from '@waybill/shared/base/record';
import type { DdlEvent } from '@waybill/shared/manifest/commit';
import type { CollectionInfo } from '@waybill/shared/mongo/facts/collections';
import type { KnownCollections } from '../catalog/known-collections.ts';
import type { DdlDecision } from './ddl.ts';

/**
 * `listed` is the database's catalog of now, so later than the event. What cannot be told apart is
 * both dropped and read: with a real drop the documents are early and their own events repair them;
 * with a moved copy's they are what would be missing.
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
    // Its rename is still to come in the stream.
    const isElsewhere = expected !== null && listed.some(({ uuid }) => hex(uuid) === expected);
    return isElsewhere && expected !== dropped ? only('a copy of a collection') : recorded(event);
  }
  const uuid = hex(standing.uuid);
  // The uuid we know is from the stream, or from the inventory: what it names has lived on until
  // now.
  if (uuid === dropped || (uuid !== null && uuid === expected)) return only('a copy of a collection');
  // A copy that is left is dropped after its successor was created, so this is no copy.
  if (dropped !== null && dropped === expected && !known.isTakenOver(dropped)) return recorded(event);
  return { kind: 'reread', before: [event], namespace };
}

function recorded(event: DdlEvent): DdlDecision {
  return { kind: 'record', event, definition: null };
}

function only(what: string): DdlDecision {
  return { kind: 'ignore', reason: `only ${what} was dropped` };
}
