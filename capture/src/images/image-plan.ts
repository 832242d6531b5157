import type { Change } from '../record/change.ts';
import { DocumentTable } from '../record/document-table.ts';
import { hasDocument, isSameUuid, namesShardKey } from '../record/documents.ts';

/** Documents of one collection to read for one commit. */
export interface ImageWants {
  /** The collection's name at the time of the events. */
  readonly namespace: string;
  readonly collectionUuid: Uint8Array | null;
  /** One change a document, in stream order: updates, and deletes that name a shard key. */
  readonly changes: Change[];
}

/**
 * Decides where the image of each update of one commit comes from, and marks those that need none
 * of their own: an update that is followed by any other change of the same document in the same
 * commit is superseded, since no reader stops inside a commit. What stays are the last updates of
 * their documents; they are returned by collection.
 *
 * So are deletes that name a shard key, where they are the last of their `_id`: what they delete
 * may stand under another shard key (see decisions/0018).
 *
 * Updates that carry an image already (a stored post-image) keep it.
 *
 * @param ofUpdates false: updates have no images, and are left as they are
 */
export function planImages(changes: readonly Change[], ofUpdates = true): ImageWants[] {
  const wants = new Wants();
  const mayWant = (change: Change): boolean =>
    change.operation === 'update' ? ofUpdates : change.operation === 'delete' && namesShardKey(change);
  let before = 0;
  for (const change of changes) if (mayWant(change)) before++;
  const seen = new DocumentTable(changes.length);
  for (let at = changes.length - 1; at >= 0 && before > 0; at--) {
    const change = changes[at]!;
    const isLast = seen.add(change);
    if (!mayWant(change)) continue;
    before--;
    if (hasDocument(change)) continue;
    if (isLast) wants.add(change);
    else if (change.operation === 'update') change.documentOrigin = 'superseded';
  }
  return wants.inStreamOrder();
}

class Wants {
  /** A name may have belonged to several collections within one commit. */
  readonly #byName = new Map<string, Change[][]>();
  #last: Change[] | null = null;

  add(change: Change): void {
    if (this.#last === null || !isOf(this.#last, change)) this.#last = this.#find(change);
    this.#last.push(change);
  }

  inStreamOrder(): ImageWants[] {
    return [...this.#byName.values()].flat().map((changes) => {
      const { namespace, collectionUuid } = changes[0]!;
      return { namespace, collectionUuid, changes: changes.reverse() };
    });
  }

  #find(change: Change): Change[] {
    let ofName = this.#byName.get(change.namespace);
    if (!ofName) {
      ofName = [];
      this.#byName.set(change.namespace, ofName);
    }
    let found = ofName.find((changes) => isOf(changes, change));
    if (!found) {
      found = [];
      ofName.push(found);
    }
    return found;
  }
}

function isOf(changes: readonly Change[], change: Change): boolean {
  const first = changes[0]!;
  return first.namespace === change.namespace && isSameUuid(first, change);
}
