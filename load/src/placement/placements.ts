/**
 * How a target places documents: which collections it shards, and by which fields. Somebody may
 * shard a collection while a load runs, so what is known is read again before a cursor moves.
 */
import { retry } from '@waybill/shared/base/retry';
import type { Ownership } from '../progress/ownership.ts';
import type { LoadTarget } from '../target/target.ts';
import { type KeyPath, keyPath } from './key-fields.ts';

/** Where the documents of a collection are placed, as far as is known now. */
export interface Placement {
  /**
   * The shard key's fields beside `_id`. None: an `_id` is unique, since the collection is not
   * sharded or `_id` alone says on which shard a document is.
   */
  readonly paths: readonly KeyPath[];
}

export interface PlacementsDeps {
  readonly target: Pick<LoadTarget, 'shardKeys'>;
  readonly ownership: Pick<Ownership, 'held'>;
  readonly signal: AbortSignal;
}

/**
 * Somebody has sharded a collection meanwhile, so some writes may have been made by an old key. No
 * cursor has passed them: apply the changes again from the cursors.
 */
export class PlacementsChanged extends Error {}

interface Known {
  paths: readonly KeyPath[];
  version: string;
}

const UNSHARDED = { paths: [], version: '' } as const;

export class Placements {
  readonly #deps: PlacementsDeps;
  readonly #known = new Map<string, Known>();
  #changes = 0;

  constructor(deps: PlacementsDeps) {
    this.#deps = deps;
  }

  /** Counts what {@link refresh} found changed. */
  get changes(): number {
    return this.#changes;
  }

  /** Stays up to date. @throws TARGET_UNSUPPORTED where the target does not tell the key */
  async of(namespace: string): Promise<Placement> {
    let known = this.#known.get(namespace);
    if (!known) {
      const read = await this.#read([namespace]);
      // Another caller may have been here meanwhile; all have to see the same object.
      known = this.#known.get(namespace) ?? { ...(read.get(namespace) ?? UNSHARDED) };
      this.#known.set(namespace, known);
    }
    return known;
  }

  /** Reads everything known again. */
  async refresh(): Promise<void> {
    // Lanes add others meanwhile.
    const asked = [...this.#known];
    const read = await this.#read(asked.map(([namespace]) => namespace));
    for (const [namespace, known] of asked) {
      const { paths, version } = read.get(namespace) ?? UNSHARDED;
      if (version === known.version) continue;
      Object.assign(known, { paths, version });
      this.#changes++;
    }
  }

  /** Before a cursor moves. `seen`: {@link changes} as they were. @throws PlacementsChanged */
  async assertUnchanged(seen: number): Promise<void> {
    await this.refresh();
    if (this.#changes !== seen) throw new PlacementsChanged();
  }

  /** After a change of structure of ours. */
  forget(): void {
    this.#known.clear();
  }

  async #read(namespaces: readonly string[]): Promise<ReadonlyMap<string, Known>> {
    const { target, ownership, signal } = this.#deps;
    const keys = await retry(
      async () => {
        await ownership.held();
        return target.shardKeys(namespaces, signal);
      },
      undefined,
      { signal },
    );
    return new Map(
      [...keys].map(([namespace, { fields, version }]) => [
        namespace,
        { paths: fields.filter(isBesideId).map(keyPath), version },
      ]),
    );
  }
}

/** The `_id` is in every filter anyway, and a field of it comes with it. */
function isBesideId(field: string): boolean {
  return field !== '_id' && !field.startsWith('_id.');
}
