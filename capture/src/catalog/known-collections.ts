import { splitNamespace } from '@waybill/shared/base/record';
import type { CollectionDefinition, DdlEvent } from '@waybill/shared/manifest/commit';
import { followDdl } from '@waybill/shared/manifest/follow-ddl';

/**
 * The captured collections under their names as of the place that the change stream has been read
 * to. It decides lanes, tells phantom drops from real ones, and knows what a name means on servers
 * whose events carry no uuid.
 */
export class KnownCollections {
  readonly #byName = new Map<string, CollectionDefinition>();
  readonly #takenOver = new Set<string>();
  #revision = 0;

  /** @param areCertain false: some of the uuids may be of a move that fails yet. */
  constructor(definitions: Iterable<CollectionDefinition>, areCertain = true) {
    for (const definition of definitions) {
      this.#byName.set(definition.namespace, definition);
      if (!areCertain && definition.uuid !== null) this.#takenOver.add(definition.uuid);
    }
  }

  /** Another one after each change that the stream has brought, once all of it is known here. */
  get revision(): number {
    return this.#revision;
  }

  all(): readonly CollectionDefinition[] {
    return [...this.#byName.values()];
  }

  get(namespace: string): CollectionDefinition | undefined {
    return this.#byName.get(namespace);
  }

  /** Changes of it go whole to one lane: a collation that is not simple, or capped. */
  isSingleLane(namespace: string): boolean {
    return this.#byName.get(namespace)?.singleLane ?? false;
  }

  set(definition: CollectionDefinition): void {
    this.#byName.set(definition.namespace, definition);
    this.#revision++;
  }

  /**
   * It goes on under this definition's uuid. Not final: the move that made that may fail, and its
   * copy be dropped.
   */
  takeOver(definition: CollectionDefinition, final: boolean): void {
    this.set(definition);
    if (definition.uuid !== null && !final) this.#takenOver.add(definition.uuid);
  }

  /** The uuid stands for the name since a move, which may have failed. */
  isTakenOver(uuid: string): boolean {
    return this.#takenOver.has(uuid);
  }

  /** Has any collection in the database; views do not count. */
  livesIn(database: string): boolean {
    for (const { namespace, type } of this.#byName.values()) {
      if (type === 'collection' && splitNamespace(namespace).database === database) return true;
    }
    return false;
  }

  /** Follows a structure change that is captured. */
  apply(event: DdlEvent): void {
    this.#revision++;
    followDdl(this.#byName, event);
  }
}
