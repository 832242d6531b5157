import { type ClusterTime, formatClusterTime } from '@waybill/shared/base/position';
import { splitNamespace } from '@waybill/shared/base/record';

interface MissingImage {
  readonly identity: string;
  readonly namespace: string;
  /** The source's operation time at the lookup; the explanation had happened by then. */
  readonly lookedUpAt: ClusterTime;
}

/**
 * Updates whose document a lookup did not find. A later event must explain each: a delete of the
 * document, or a drop, rename or dropDatabase that took its collection away. The explanation had
 * happened by the operation time of the lookup. If the stream passes that time without one, a
 * document has been lost and capture must stop.
 *
 * Fed in commit order, with a commit's own events before its missing images: an explanation never
 * comes before the update. Bounded: past the limit the oldest entries go unchecked, and are
 * counted.
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

  /** How many entries were dropped for lack of room. */
  get unchecked(): number {
    return this.#unchecked;
  }

  add(identity: string, namespace: string, lookedUpAt: ClusterTime): void {
    // The map is kept in the order of lookups, so a repeated entry goes to the end.
    this.#waiting.delete(identity);
    this.#waiting.set(identity, { identity, namespace, lookedUpAt });
    if (this.#waiting.size <= this.#limit) return;
    const [oldest] = this.#waiting.keys();
    this.#waiting.delete(oldest!);
    this.#unchecked++;
  }

  /** A delete of the document explains it. */
  explainDocument(identity: string): void {
    this.#waiting.delete(identity);
  }

  /** The collection was dropped, renamed, replaced or read again. A bare name is a database. */
  explainNamespace(name: string): void {
    const database = !name.includes('.');
    for (const { identity, namespace } of this.#waiting.values()) {
      const matches = database ? splitNamespace(namespace).database === name : namespace === name;
      if (matches) this.#waiting.delete(identity);
    }
  }

  /** An entry that nothing explained up to `streamTime`, where the stream is now; or null. */
  overdue(streamTime: ClusterTime): { namespace: string; since: string } | null {
    for (const { namespace, lookedUpAt } of this.#waiting.values()) {
      // The oldest lookup comes first. Lookups that ran side by side may be swapped, which only
      // delays the finding.
      if (lookedUpAt >= streamTime) return null;
      return { namespace, since: formatClusterTime(lookedUpAt) };
    }
    return null;
  }
}
