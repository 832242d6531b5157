import { type ClusterTime, formatClusterTime } from '@waybill/shared/base/position';
import { splitNamespace } from '@waybill/shared/base/record';

interface MissingImage {
  readonly identity: string;
  readonly namespace: string;
  /** The source's operation time at the lookup: the explanation happened by then. */
  readonly lookedUpAt: ClusterTime;
}

/**
 * Updates whose document a lookup did not find. Each must be explained by a later event: a delete
 * of that document, or a drop, rename or dropDatabase that took its collection away. By the
 * operation time of the lookup the explanation had happened, so once the stream is past that time
 * without one, a document has been lost and capture must stop.
 *
 * Fed in commit order, with the commit's own events before its own missing ones: an explanation
 * never lies in the past of the update. Bounded: past the limit the oldest entries go unchecked,
 * and are counted.
 */
export class MissingImages {
  readonly #limit: number;
  readonly #waiting = new Map<string, MissingImage>();
  #unchecked = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Entries given up for want of room. */
  get unchecked(): number {
    return this.#unchecked;
  }

  add(identity: string, namespace: string, lookedUpAt: ClusterTime): void {
    // Insertion order is the order of lookups, so a repeated one goes to the end.
    this.#waiting.delete(identity);
    this.#waiting.set(identity, { identity, namespace, lookedUpAt });
    if (this.#waiting.size <= this.#limit) return;
    const [oldest] = this.#waiting.keys();
    this.#waiting.delete(oldest!);
    this.#unchecked++;
  }

  /** A delete, or any later state of the document that came with its event. */
  explainDocument(identity: string): void {
    this.#waiting.delete(identity);
  }

  /**
   * The collection, or with a bare name the whole database, was dropped, renamed, or replaced by a
   * rename.
   */
  explainNamespace(name: string): void {
    const database = !name.includes('.');
    for (const { identity, namespace } of this.#waiting.values()) {
      const matches = database ? splitNamespace(namespace).database === name : namespace === name;
      if (matches) this.#waiting.delete(identity);
    }
  }

  /** The stream has been read up to here. Gives an entry that nothing explained, or null. */
  overdue(streamTime: ClusterTime): { namespace: string; since: string } | null {
    for (const { namespace, lookedUpAt } of this.#waiting.values()) {
      // The oldest lookup comes first; lookups that ran side by side may be swapped, which only
      // delays the finding.
      if (lookedUpAt >= streamTime) return null;
      return { namespace, since: formatClusterTime(lookedUpAt) };
    }
    return null;
  }
}
