import { splitNamespace } from '@waybill/shared/base/record';
import type { DdlEvent } from '@waybill/shared/manifest/commit';

/** A listed collection. */
export interface Listed {
  readonly namespace: string;
  /** Hex, or null for views. */
  readonly uuid: string | null;
}

/**
 * Maps a listing back to T0: for each listed namespace the name that its collection had at T0, or
 * null if it was created after T0. Collections that existed at T0 and are gone do not appear; the
 * stream has their end.
 *
 * `events` are the structure changes between T0 and the listing, in stream order, and perhaps some
 * after it. A listing is not of one moment, so it may or may not show an event.
 *
 *   - From 6.0 events carry the collection's uuid and are followed by it, which is right in either
 *     case. Views have no uuid and are never renamed; a view with a `create` is new.
 *   - Before 6.0 events are undone by name, from the end. What an event would have left behind
 *     tells whether the listing saw it. No event tells of a creation: such a collection counts as
 *     if it had existed at T0. That does no harm, since its own events repair its snapshot.
 *
 * A sharded cluster also creates a collection whose name is in use: movePrimary makes it again on
 * another shard, with all its documents and a new uuid. Nobody can know whether the name was in use
 * at T0, so there a creation counts only after a drop.
 */
export function namesAtT0(
  listing: readonly Listed[],
  events: readonly DdlEvent[],
  isSharded = false,
): Map<string, string | null> {
  const byUuid = events.some((event) => event.operation !== 'dropDatabase' && event.collectionUuid !== null);
  return byUuid
    ? followUuids(listing, isSharded ? withoutMoves(events) : events)
    : undoByName(listing, events);
}

function followUuids(listing: readonly Listed[], events: readonly DdlEvent[]): Map<string, string | null> {
  /** uuid → name at T0, for collections that the events tell of. */
  const before = new Map<string, string | null>();
  const newViews = new Set<string>();
  for (const { operation, collectionUuid, namespace } of events) {
    if (collectionUuid === null && operation === 'create') newViews.add(namespace);
    if (collectionUuid === null || before.has(collectionUuid)) continue;
    if (operation === 'create') before.set(collectionUuid, null);
    else if (operation === 'rename') before.set(collectionUuid, namespace);
  }
  return new Map(
    listing.map(({ namespace, uuid }) => {
      if (uuid === null) return [namespace, newViews.has(namespace) ? null : namespace];
      const known = before.get(uuid);
      return [namespace, known === undefined ? namespace : known];
    }),
  );
}

/**
 * Leaves out creations of names that no event has freed. A drop of a copy that a move has left
 * frees nothing.
 */
function withoutMoves(events: readonly DdlEvent[]): DdlEvent[] {
  /** Name → the uuid that has it now, as far as events tell; null if it is free. */
  const holders = new Map<string, string | null>();
  return events.filter(({ operation, namespace, to, collectionUuid }) => {
    const holder = holders.get(namespace);
    if (operation === 'create') {
      holders.set(namespace, collectionUuid);
      return holder === null;
    }
    if (operation === 'drop' && (holder === undefined || holder === collectionUuid))
      holders.set(namespace, null);
    if (operation === 'rename' && to !== undefined) {
      holders.set(namespace, null);
      holders.set(to, collectionUuid);
    }
    return true;
  });
}

function undoByName(listing: readonly Listed[], events: readonly DdlEvent[]): Map<string, string | null> {
  /** Name at the moment that we have gone back to → the listed namespace that it became. */
  let names = new Map(listing.map(({ namespace }) => [namespace, namespace]));
  const result = new Map<string, string | null>(listing.map(({ namespace }) => [namespace, null]));
  for (const event of events.toReversed()) {
    switch (event.operation) {
      case 'drop':
        // The collection with that name now came after the drop.
        names.delete(event.namespace);
        break;
      case 'dropDatabase':
        names = new Map([...names].filter(([name]) => splitNamespace(name).database !== event.namespace));
        break;
      case 'rename': {
        const to = event.to ?? '';
        const listed = names.get(to);
        names.delete(to);
        // The collection with the old name now came after the rename. But if none has the new name,
        // the listing did not see the rename.
        if (listed !== undefined) {
          names.delete(event.namespace);
          names.set(event.namespace, listed);
        }
        break;
      }
    }
  }
  for (const [atT0, listed] of names) result.set(listed, atT0);
  return result;
}
