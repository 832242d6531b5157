import type { Change } from '../record/change.ts';
import { DocumentTable } from '../record/document-table.ts';
import { hasDocument, isSameUuid, namesShardKey } from '../record/documents.ts';

/** The documents of one collection to read for one commit. */
export interface ImageWants {
  /** The collection's name at the time of the events. */
  readonly namespace: string;
  readonly collectionUuid: Uint8Array | null;
  /** One change for a document, in stream order: updates, and deletes that name a shard key. */
  readonly changes: Change[];
}

/**
 * Decides which images of one commit to look up, by collection:
 *
 *   - the last update of each document. An earlier one is marked `superseded`: another change of
 *     the document follows in the same commit, and no reader stops inside a commit.
 *   - a delete that names a shard key, if it is the last change of its `_id`: the document may
 *     exist under another shard key (see decisions/0018).
 *
 * An update that brought a stored post-image keeps it.
 *
 * @param ofUpdates false: updates have no images, and stay as they are
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
  /** Within one commit a name may have belonged to several collections. */
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
