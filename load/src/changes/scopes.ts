/**
 * Finds the collection of the target for a run of changes: the one under their namespace, if it is
 * theirs.
 *
 * The uuid in a change says whose it is. In a replica set a name goes to another collection only by
 * an event of the stream, a barrier, and the registry follows those. So a change whose uuid differs
 * from the registry's is older than the collection that stands there: the stream named a collection
 * by a name that it had after T0, and its snapshot came after that change. Writing the change would
 * put a document of one collection into another, where nothing takes it away again. So the load
 * leaves it out.
 *
 * Uuids are not compared where that does not hold. A sharded cluster gives a collection a new uuid
 * when it moves or reshards it, without an event for the load. Before 6.0 changes carry no uuid.
 * Ignored structure changes leave a record without one.
 */
import type { StreamIdentity } from '@waybill/shared/manifest/commit';
import type { WriteScope } from '../apply/batch.ts';
import { nameTaken } from '../mapping/collisions.ts';
import type { NamePair } from '../mapping/name-mapping.ts';
import type { Placements } from '../placement/placements.ts';
import { ensureCollection, plainCollection } from '../structure/collections.ts';
import type { StructureContext } from '../structure/context.ts';
import { assertOwnName } from '../structure/held.ts';
import { isCapped } from '../structure/options.ts';
import type { CollectionRecord } from '../structure/registry.ts';

export class Scopes {
  readonly #structure: StructureContext;
  readonly #placements: Placements;
  readonly #keepsUuids: boolean;
  /** By the source's names. */
  readonly #found = new Map<string, Promise<{ readonly uuid: string | null; readonly scope: WriteScope }>>();
  /** The source's name behind each name of the target. */
  readonly #sources = new Map<string, string>();

  constructor(
    structure: StructureContext,
    placements: Placements,
    { sourceTopology }: Pick<StreamIdentity, 'sourceTopology'>,
  ) {
    this.#structure = structure;
    this.#placements = placements;
    this.#keepsUuids = sourceTopology === 'replicaSet';
  }

  /**
   * Takes the source's name. Looks at the target once per namespace between two barriers. Null: the
   * changes are another collection's.
   */
  async of(source: string, collectionUuid: Uint8Array | null): Promise<WriteScope | null> {
    const theirs = this.#keepsUuids ? hexOf(collectionUuid) : null;
    let found = this.#found.get(source);
    if (!found) {
      found = this.#find(this.#structure.mapping.pair(source), theirs);
      this.#found.set(source, found);
    }
    const { uuid, scope } = await found;
    if (uuid === null || theirs === null || uuid === theirs) return scope;
    this.#structure.logger.warnThrottled(
      'changes of a collection are left out: another one, of a later snapshot, stands under its name',
      { namespace: source },
    );
    return null;
  }

  /** A barrier may have given names to other collections. */
  clear(): void {
    this.#placements.forget();
    this.#found.clear();
    this.#sources.clear();
  }

  async #find(names: NamePair, theirs: string | null) {
    const { namespace, source } = names;
    assertOwnName(this.#structure, names);
    // Lanes look up names at the same time: the record of another one may not be there yet.
    const other = this.#sources.get(namespace) ?? source;
    if (other !== source) throw nameTaken(namespace, source, other);
    this.#sources.set(namespace, source);
    const record: CollectionRecord =
      this.#structure.registry.get(namespace) ??
      (await ensureCollection(this.#structure, plainCollection(names, theirs)));
    const { uuid, foreignValidator, options } = record;
    const scope = {
      namespace,
      source,
      bypassValidation: !foreignValidator,
      keepsOrder: isCapped(options),
      placement: await this.#placements.of(namespace),
    };
    return { uuid, scope };
  }
}

function hexOf(uuid: Uint8Array | null): string | null {
  return uuid === null ? null : Buffer.from(uuid.buffer, uuid.byteOffset, uuid.length).toString('hex');
}
