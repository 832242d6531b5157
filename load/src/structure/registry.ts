/**
 * What this load made or took over on the target: one document per collection and view in the
 * progress collection. It says which collections are ours, and what the source wants of each:
 * options and indexes in the source's own bytes. What is held back until cutover is the difference
 * between that and the target.
 *
 * It is kept there, and not derived from the manifest, because it must survive three things:
 * restarts that no longer read the stream from its first commit, renames (the document moves
 * along), and the cutover, which runs without the stream.
 *
 * A document is written *before* its collection is created, and removed after it is dropped. So a
 * crash never leaves a collection of ours that looks like somebody else's.
 */

import { splitNamespace } from '@waybill/shared/base/record';
import { collectionId, collectionPrefix } from '../progress/keys.ts';
import type { ProgressDocument, ProgressStore, ProgressValue } from '../target/progress-store.ts';

/**
 * waiting: to be built. built: stands there in its held-back form. deferred: can only stand there
 * once another index is final, at cutover. set-aside: refused a document of the stream; the cutover
 * builds it. skipped: no current server has such an index. blocked: the target refused it.
 * left-out: --indexes none, so the cutover does not build it either; a later run with another
 * --indexes does.
 */
export type IndexState = 'waiting' | 'built' | 'deferred' | 'set-aside' | 'skipped' | 'blocked' | 'left-out';

export interface IndexRecord {
  readonly name: string;
  /** As the source has it: raw BSON. */
  readonly spec: Buffer;
  readonly state: IndexState;
  readonly note: string | null;
}

/** A part of a collection or view that does not stand on the target as the source has it. */
export interface BlockedPart {
  /** Null: the view as a whole. */
  readonly option: string | null;
  readonly reason: string;
  /** The mapping of names is the reason: another try cannot help. */
  readonly unmapped?: true;
}

export interface CollectionRecord {
  /** On the target. */
  readonly namespace: string;
  /** The name on the source. */
  readonly source: string;
  readonly type: 'collection' | 'view';
  /** Of the source's collection, hex; null where it is not known. */
  readonly uuid: string | null;
  /**
   * Of the collection on the target, hex. It stood there after the record was written, so if it
   * does not now, it is gone. Null before that, and again before the load drops or renames it.
   */
  readonly targetUuid: string | null;
  /** We created it. Otherwise it stood there empty, and we took it over. */
  readonly created: boolean;
  /** As the source has them: raw BSON. Names in a view's are the target's. */
  readonly options: Buffer;
  /** Its validator is not the source's, so we must not write past it. */
  readonly foreignValidator: boolean;
  /** Parts that the target refuses, beside indexes. */
  readonly blocked: readonly BlockedPart[];
  readonly indexes: readonly IndexRecord[];
}

const UUIDS_IN_WRITE = 1000;

export class Registry {
  readonly #store: ProgressStore;
  readonly #load: string;
  readonly #records: Map<string, CollectionRecord>;

  /** Databases that had a record, by their names in small letters. */
  readonly #databases = new Map<string, Set<string>>();

  private constructor(store: ProgressStore, load: string, records: Map<string, CollectionRecord>) {
    this.#store = store;
    this.#load = load;
    this.#records = records;
    for (const namespace of records.keys()) this.#noteDatabase(namespace);
  }

  static async open(store: ProgressStore, load: string): Promise<Registry> {
    const documents = await store.find(collectionPrefix(load));
    const records = documents.map(recordOf);
    return new Registry(store, load, new Map(records.map((record) => [record.namespace, record])));
  }

  get(namespace: string): CollectionRecord | undefined {
    return this.#records.get(namespace);
  }

  all(): readonly CollectionRecord[] {
    return [...this.#records.values()];
  }

  /** Those of one database of the source: they may stand in several on the target. */
  ofSourceDatabase(database: string): readonly CollectionRecord[] {
    return this.all().filter(({ source }) => source.startsWith(`${database}.`));
  }

  /** The databases with records whose names differ from that one in capital letters at most. */
  databasesLike(database: string): readonly string[] {
    const known = [...(this.#databases.get(database.toLowerCase()) ?? [])];
    const isHeld = (name: string): boolean =>
      this.all().some(({ namespace }) => namespace.startsWith(`${name}.`));
    return known.length > 1 || known[0] !== database ? known.filter(isHeld) : known;
  }

  async save(record: CollectionRecord): Promise<void> {
    const { namespace, options, indexes, blocked, ...rest } = record;
    await this.#store.update([
      {
        id: collectionId(this.#load, namespace),
        set: {
          kind: 'collection',
          load: this.#load,
          namespace,
          ...rest,
          options,
          blocked: blocked.map((part): ProgressValue => ({ ...part })),
          indexes: indexes.map((index): ProgressValue => ({ ...index })),
        },
        upsert: true,
      },
    ]);
    this.#records.set(namespace, record);
    this.#noteDatabase(namespace);
  }

  /** Records what is known of several collections on the target, in one write. */
  async saveTargetUuids(uuids: ReadonlyMap<string, string | null>): Promise<void> {
    const changed = [...uuids].filter(([namespace, uuid]) => this.get(namespace)?.targetUuid !== uuid);
    for (let at = 0; at < changed.length; at += UUIDS_IN_WRITE) {
      await this.#store.update(
        changed.slice(at, at + UUIDS_IN_WRITE).map(([namespace, targetUuid]) => ({
          id: collectionId(this.#load, namespace),
          set: { targetUuid },
        })),
      );
    }
    for (const [namespace, targetUuid] of changed) {
      const record = this.get(namespace);
      if (record) this.#records.set(namespace, { ...record, targetUuid });
    }
  }

  async remove(namespace: string): Promise<void> {
    await this.#store.remove([collectionId(this.#load, namespace)]);
    this.#records.delete(namespace);
  }

  /**
   * A crash between the two writes leaves both names. The repeated rename finds the old one without
   * a collection and ends here again.
   */
  async move(from: string, to: string, source: string): Promise<void> {
    const record = this.#records.get(from);
    if (!record) return;
    await this.save({ ...record, namespace: to, source });
    if (to !== from) await this.remove(from);
  }

  #noteDatabase(namespace: string): void {
    const { database } = splitNamespace(namespace);
    const key = database.toLowerCase();
    this.#databases.set(key, (this.#databases.get(key) ?? new Set()).add(database));
  }
}

function recordOf(document: ProgressDocument): CollectionRecord {
  const indexes = Array.isArray(document.indexes) ? document.indexes : [];
  return {
    namespace: String(document.namespace),
    // Loads of earlier versions had no mapping.
    source: String(document.source ?? document.namespace),
    type: document.type === 'view' ? 'view' : 'collection',
    uuid: typeof document.uuid === 'string' ? document.uuid : null,
    targetUuid: typeof document.targetUuid === 'string' ? document.targetUuid : null,
    created: document.created === true,
    options: bytesOf(document.options),
    foreignValidator: document.foreignValidator === true,
    blocked: Array.isArray(document.blocked) ? document.blocked.map(partOf) : [],
    indexes: indexes.map(indexOf),
  };
}

function indexOf(value: ProgressValue): IndexRecord {
  const index = value as { readonly [name: string]: ProgressValue };
  return {
    name: String(index.name),
    spec: bytesOf(index.spec),
    state: String(index.state) as IndexState,
    note: typeof index.note === 'string' ? index.note : null,
  };
}

function partOf(value: ProgressValue): BlockedPart {
  const part = value as { readonly [name: string]: ProgressValue };
  return {
    option: typeof part.option === 'string' ? part.option : null,
    reason: String(part.reason),
    ...(part.unmapped === true && { unmapped: true }),
  };
}

function bytesOf(value: ProgressValue | undefined): Buffer {
  return value instanceof Uint8Array ? Buffer.from(value) : Buffer.from([5, 0, 0, 0, 0]);
}
