import { splitNamespace } from '@waybill/shared/base/record';
import type { CollectionDefinition, DdlEvent } from '@waybill/shared/manifest/commit';
import { followDdl } from '@waybill/shared/manifest/follow-ddl';

/**
 * The captured collections, under the names that they have at the place in the change stream that
 * has been read. Lanes follow from it, drops of copies are told from real ones by it, and it says
 * what a name means on servers whose events carry no uuid.
 */
export class KnownCollections {
  readonly #byName = new Map<string, CollectionDefinition>();
  readonly #takenOver = new Set<string>();
  #revision = 0;

  /** @param areCertain false: some uuids may come from a move that can still fail */
  constructor(definitions: Iterable<CollectionDefinition>, areCertain = true) {
    for (const definition of definitions) {
      this.#byName.set(definition.namespace, definition);
      if (!areCertain && definition.uuid !== null) this.#takenOver.add(definition.uuid);
    }
  }

  /** Changes with each structure change of the stream, once all of it is known here. */
  get revision(): number {
    return this.#revision;
  }

  all(): readonly CollectionDefinition[] {
    return [...this.#byName.values()];
  }

  get(namespace: string): CollectionDefinition | undefined {
    return this.#byName.get(namespace);
  }

  set(definition: CollectionDefinition): void {
    this.#byName.set(definition.namespace, definition);
    this.#revision++;
  }

  /**
   * The collection goes on under this definition's uuid.
   * @param final false: the move that made the uuid may fail, and its copy be dropped
   */
  takeOver(definition: CollectionDefinition, final: boolean): void {
    this.set(definition);
    if (definition.uuid !== null && !final) this.#takenOver.add(definition.uuid);
  }

  /** The name has the uuid from a move, which may have failed. */
  isTakenOver(uuid: string): boolean {
    return this.#takenOver.has(uuid);
  }

  /** Whether the database has any collection; views do not count. */
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
