import { type Change, documentIdentity } from './change.ts';

/** Documents of one collection to read for one commit. */
export interface ImageWants {
  /** The collection's name at the time of the events. */
  readonly namespace: string;
  readonly collectionUuid: Uint8Array | null;
  /** One change a document, in stream order. */
  readonly changes: Change[];
}

/**
 * Decides where the image of each update of one commit comes from, and marks those that need none of their own: an
 * update that is followed by any other change of the same document in the same commit is superseded, since no reader
 * stops inside a commit. What stays are the last updates of their documents; they are returned by collection.
 *
 * Updates that carry an image already (a stored post-image) keep it.
 */
export function planImages(changes: readonly Change[]): ImageWants[] {
  const wants = new Map<string, ImageWants>();
  const seen = new Set<string>();
  let updatesBefore = 0;
  for (const change of changes) if (change.operation === 'update') updatesBefore++;
  for (let at = changes.length - 1; at >= 0 && updatesBefore > 0; at--) {
    const change = changes[at]!;
    const identity = documentIdentity(change.namespace, change.id);
    if (change.operation === 'update') {
      updatesBefore--;
      if (change.document === null) {
        if (seen.has(identity)) change.documentOrigin = 'superseded';
        else wantsOf(wants, change).changes.push(change);
      }
    }
    seen.add(identity);
  }
  for (const want of wants.values()) want.changes.reverse();
  return [...wants.values()];
}

function wantsOf(wants: Map<string, ImageWants>, change: Change): ImageWants {
  const { namespace, collectionUuid } = change;
  const uuid = collectionUuid === null ? '' : Buffer.from(collectionUuid).toString('latin1');
  const key = `${namespace}\0${uuid}`;
  let want = wants.get(key);
  if (!want) {
    want = { namespace, collectionUuid, changes: [] };
    wants.set(key, want);
  }
  return want;
}
