/**
 * Which collection of the target a run of changes goes to: the one that stands under its namespace,
 * if it is theirs.
 *
 * The uuid in a change says whose it is. In a replica set a name only goes to another collection by
 * an event that the stream holds, a barrier, and the registry follows those. So a change whose uuid
 * differs from the registry's is older than what stands there: the stream named a collection by a
 * name that it had after T0, and its snapshot came after that change. Written, the change would put
 * a document of one collection into another, where nothing takes it away again; it is let pass.
 *
 * Not compared where that does not hold: a sharded cluster gives a collection a new uuid when it
 * moves or reshards it, with no event for the load; before 6.0 changes say no uuid; and structure
 * changes that were ignored leave a record without one.
 */
import type { StreamIdentity } from '@waybill/shared/manifest/commit';
import type { WriteScope } from '../apply/batch.ts';
import { ensureCollection, plainCollection } from '../structure/collections.ts';
import type { StructureContext } from '../structure/context.ts';
import { isCapped } from '../structure/options.ts';
import type { CollectionRecord } from '../structure/registry.ts';

export class Scopes {
  readonly #structure: StructureContext;
  readonly #keepsUuids: boolean;
  readonly #found = new Map<string, Promise<{ readonly uuid: string | null; readonly scope: WriteScope }>>();

  constructor(structure: StructureContext, { sourceTopology }: Pick<StreamIdentity, 'sourceTopology'>) {
    this.#structure = structure;
    this.#keepsUuids = sourceTopology === 'replicaSet';
  }

  /**
   * One look at the target per namespace and run of commits between barriers. Null: the changes are
   * another collection's.
   */
  async of(namespace: string, collectionUuid: Uint8Array | null): Promise<WriteScope | null> {
    const theirs = this.#keepsUuids ? hexOf(collectionUuid) : null;
    let found = this.#found.get(namespace);
    if (!found) {
      found = this.#find(namespace, theirs);
      this.#found.set(namespace, found);
    }
    const { uuid, scope } = await found;
    if (uuid === null || theirs === null || uuid === theirs) return scope;
    this.#structure.logger.warnThrottled(
      'changes of a collection are left out: another one, of a later snapshot, stands under its name',
      { namespace },
    );
    return null;
  }

  /** A barrier may have given names to other collections. */
  clear(): void {
    this.#found.clear();
  }

  async #find(namespace: string, theirs: string | null) {
    const record: CollectionRecord =
      this.#structure.registry.get(namespace) ??
      (await ensureCollection(this.#structure, plainCollection(namespace, theirs)));
    const { uuid, foreignValidator, options } = record;
    return { uuid, scope: { namespace, bypassValidation: !foreignValidator, keepsOrder: isCapped(options) } };
  }
}

function hexOf(uuid: Uint8Array | null): string | null {
  return uuid === null ? null : Buffer.from(uuid.buffer, uuid.byteOffset, uuid.length).toString('hex');
}
