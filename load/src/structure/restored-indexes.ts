/**
 * Unique indexes that a cutover has made, or is about to make, while the load may still have
 * something to apply: the cutover was killed or refused, and the application writes on. Then values
 * that change hands between documents meet in the index, since lanes write in any order. The load
 * has to hold such an index back again.
 *
 * Only these indexes: the cutover marks each on the target before it touches it, and only if it is
 * not unique yet. So an index that somebody else made unique is never marked, and its refusals
 * stay. A crash between the mark and the index leaves a mark on an index that refuses nothing. The
 * load spends the very mark that it has read: a cutover may be marking the index anew, to make it
 * unique once more.
 *
 * Indexes that refuse for another reason than a duplicate: see set-aside.ts.
 */
import { randomUUID } from 'node:crypto';
import { splitNamespace } from '@waybill/shared/base/record';
import { restoredId, restoredPrefix } from '../progress/keys.ts';
import type { ProgressStore } from '../target/progress-store.ts';
import { attempt, type HoldBackContext, type NamedIndex } from './context.ts';
import { heldBackOf, indexName } from './index-spec.ts';
import { buildIndexes } from './indexes.ts';
import type { IndexRefusal } from './refusing.ts';
import type { IndexRecord } from './registry.ts';
import { type SetAside, setAside } from './set-aside.ts';

/** Called by the cutover. */
export async function markRestored(
  store: ProgressStore,
  load: string,
  { namespace, index }: NamedIndex,
): Promise<void> {
  const id = restoredId(load, namespace, index);
  const mark = { kind: 'restored', load, namespace, index, mark: randomUUID(), spent: false };
  await store.update([{ id, set: mark, upsert: true }]);
}

/** Called by the cutover when it left the index as it was. */
export async function unmarkRestored(
  store: ProgressStore,
  load: string,
  { namespace, index }: NamedIndex,
): Promise<void> {
  await store.remove([restoredId(load, namespace, index)]);
}

interface Mark extends NamedIndex {
  readonly id: string;
  /** Tells it from a later mark of the same index. */
  readonly mark: string;
}

/** Takes indexes out of the way of the load's writes. */
export class RestoredIndexes {
  readonly #context: HoldBackContext;
  /** Lanes meet the same index at the same time. */
  readonly #freeing = new Map<string, Promise<boolean>>();
  /** The last change of each collection's indexes. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(context: HoldBackContext) {
    this.#context = context;
  }

  /**
   * Whether the duplicate that the index refused can be written now: the index was the cutover's,
   * and is held back again.
   */
  free(restored: NamedIndex): Promise<boolean> {
    const key = JSON.stringify([restored.namespace, restored.index]);
    let freeing = this.#freeing.get(key);
    if (!freeing) {
      freeing = this.#inTurn(restored.namespace, () => this.#free(restored)).finally(() =>
        this.#freeing.delete(key),
      );
      this.#freeing.set(key, freeing);
    }
    return freeing;
  }

  /**
   * Sets aside the indexes that may have refused a document for another reason than a duplicate.
   */
  setAside(namespace: string, refusal: IndexRefusal): Promise<SetAside> {
    return this.#inTurn(namespace, () => setAside(this.#context, namespace, refusal));
  }

  /** One change at a time: each saves the whole record of the collection. */
  #inTurn<T>(namespace: string, change: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(namespace) ?? Promise.resolve();
    const turn = before.then(change, change);
    this.#turns.set(namespace, turn);
    return turn;
  }

  /**
   * Frees the indexes of these collections, or of all in these databases, before a structure
   * change. The change then meets them as the registry has them.
   */
  async freeAll(...namespaces: readonly string[]): Promise<void> {
    const marks = await this.#marks(restoredPrefix(this.#context.settings.load));
    for (const one of marks) {
      const { namespace } = one;
      const isMeant =
        namespaces.includes(namespace) || namespaces.includes(splitNamespace(namespace).database);
      if (isMeant) await this.free(one);
    }
  }

  async #free(restored: NamedIndex): Promise<boolean> {
    const { target, registry, settings, logger, recordHeldBack } = this.#context;
    const { namespace, index } = restored;
    const standing = await attempt(this.#context, () => target.indexes(namespace));
    const spec = standing.find((one) => indexName(one) === index);
    const has = spec && heldBackOf(spec);
    // Another lane was here before.
    if (!has || !(has.unique || has.prepareUnique)) return true;
    const id = restoredId(settings.load, namespace, index);
    const mark = (await this.#marks(id)).find((one) => one.id === id);
    const record = registry.get(namespace)?.indexes.find(({ name }) => name === index);
    if (!mark || !record) return false;
    await recordHeldBack(restored);
    await this.#holdBack(namespace, record, has);
    const spend = { id, when: { mark: mark.mark }, set: { spent: true } };
    await attempt(this.#context, () => target.progress.update([spend]));
    logger.warn('an index is held back again: the source was written to after a cutover had made it unique', {
      namespace,
      index,
    });
    return true;
  }

  async #holdBack(
    namespace: string,
    { name, state }: IndexRecord,
    has: { readonly unique: boolean },
  ): Promise<void> {
    const { target, ownership } = this.#context;
    if (state === 'built') {
      const change = (): Promise<boolean> => target.makeNonUnique(namespace, name, has.unique, ownership.tag);
      if (await attempt(this.#context, change)) return;
      await this.#markWaiting(namespace, name);
    }
    // An index that was not built before the cutover is the cutover's to make, again.
    await attempt(this.#context, () => target.dropIndex(namespace, name, ownership.tag));
    if (state === 'built') await buildIndexes(this.#context, namespace);
  }

  /** Saved first: a crash after the drop leaves an index that the next run builds. */
  async #markWaiting(namespace: string, name: string): Promise<void> {
    const { registry, stats } = this.#context;
    const record = registry.get(namespace);
    if (!record) return;
    const indexes = record.indexes.map(
      (index): IndexRecord => (index.name === name ? { ...index, state: 'waiting' } : index),
    );
    await attempt(this.#context, () => registry.save({ ...record, indexes }));
    stats.indexesBuilt--;
  }

  async #marks(prefix: string): Promise<Mark[]> {
    const found = await attempt(this.#context, () => this.#context.target.progress.find(prefix));
    return found
      .filter(({ spent }) => spent !== true)
      .map(({ _id, namespace, index, mark }) => ({
        id: _id,
        namespace: String(namespace),
        index: String(index),
        mark: String(mark),
      }));
  }
}
