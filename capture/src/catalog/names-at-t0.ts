import { splitNamespace } from '@waybill/shared/base/record';
import type { DdlEvent } from '@waybill/shared/manifest/commit';

/** A collection as it was listed. */
export interface Listed {
  readonly namespace: string;
  /** Hex, or null for views. */
  readonly uuid: string | null;
}

/**
 * Maps a listing back to the moment T0: for each listed namespace the name that its collection had
 * at T0, or null where it was born after T0. Collections that existed at T0 and are gone do not
 * appear; the stream has their end.
 *
 * `events` are the structure changes between T0 and the listing, in stream order, and perhaps some
 * after it: a listing is not of one moment, so an event may or may not be visible in it. Where
 * events carry the collection's uuid (from 6.0) they are followed by uuid, which is right in either
 * case; views have none, are never renamed, and are new where they were created. Before 6.0 they
 * are undone by name from the end; an event that the listing did not see yet is recognised by what
 * it would have left behind. A creation is not seen at all there: such a collection counts as if it
 * had been at T0, which is harmless, since its snapshot is repaired by its own events like any
 * other.
 *
 * A sharded cluster also creates a collection whose name is in use: movePrimary makes it anew on
 * another shard, with all of its documents and a new uuid. Whether the name was in use at T0 cannot
 * be known, so there a creation only counts behind a drop.
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
  /** uuid → name at T0, of collections that the events tell something about. */
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
 * Leaves out creations of names that no event has freed. The drop of a copy that a move left behind
 * frees nothing.
 */
function withoutMoves(events: readonly DdlEvent[]): DdlEvent[] {
  /** Name → the uuid that has it now, as far as events tell; null where it is free. */
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
  /** Name at the moment we have gone back to → the listed namespace that it became. */
  let names = new Map(listing.map(({ namespace }) => [namespace, namespace]));
  const result = new Map<string, string | null>(listing.map(({ namespace }) => [namespace, null]));
  for (const event of events.toReversed()) {
    switch (event.operation) {
      case 'drop':
        // What has the name now came after the drop.
        names.delete(event.namespace);
        break;
      case 'dropDatabase':
        names = new Map([...names].filter(([name]) => splitNamespace(name).database !== event.namespace));
        break;
      case 'rename': {
        const to = event.to ?? '';
        const listed = names.get(to);
        names.delete(to);
        // Whatever has the old name now came after the rename; unless nothing has the new name: not
        // listed yet.
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
