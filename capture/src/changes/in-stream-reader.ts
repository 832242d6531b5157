/**
 * Reads a whole collection behind a change of structure, as change records with the operation
 * `read`. Four cases need it:
 *
 *   - a rename that brings a collection into the captured namespaces
 *   - every rename before 6.0: images were looked up by name and may be another collection's
 *   - the rename that ends a convertToCapped: no event brings the documents that it copied
 *   - a move inside the cluster, which gives the collection a new uuid: images of updates before it
 *     were not found, and what the snapshot had still to read is gone
 *
 * The committed position stays before the event until all of it is committed; the definition comes
 * with the position after the event. The structure changes are one commit, which says what is being
 * read. A crash before that commit repeats everything. A crash after it repeats the reading alone,
 * which ends in the same documents: if the source replaced the collection meanwhile, a later event
 * says so. The documents are as of now and thus later than the event; the events that follow repair
 * them, as they do the snapshot's.
 */

import { formatClusterTime } from '@waybill/shared/base/position';
import type { CollectionDefinition, Reading } from '@waybill/shared/manifest/commit';
import type { StreamPosition } from '@waybill/shared/manifest/position';
import type { CatalogEntry } from '@waybill/shared/mongo/facts/catalog';
import { definitionOf, definitionOfCreate } from '../catalog/definition.ts';
import type { KnownCollections } from '../catalog/known-collections.ts';
import { creation, synthetic, type ToldDdl } from '../catalog/synthetic-ddl.ts';
import type { SealedDdl, SealedUnit } from '../commit/units.ts';
import type { ChangeEvent } from '../event/change-event.ts';
import type { CollectionReader } from './collection-reader.ts';
import type { DdlDecision } from './ddl.ts';

export interface InStreamOptions {
  readonly reader: CollectionReader;
  readonly known: KnownCollections;
  /** What the capture before this one was reading when it ended. */
  readonly underWay: Reading | null;
}

export type Reread = DdlDecision & { readonly kind: 'moved' | 'reread' };
type Moved = DdlDecision & { readonly kind: 'moved' };

export class InStreamReader {
  readonly #options: InStreamOptions;

  constructor(options: InStreamOptions) {
    this.#options = options;
  }

  /**
   * Yields the decision's structure changes and the collection's documents, all with the position
   * `hold`. Returns the definition to commit with the position after the event; null if the
   * collection is gone.
   */
  async *reread(
    decision: Reread,
    event: ChangeEvent,
    hold: StreamPosition,
  ): AsyncGenerator<SealedUnit, CollectionDefinition | null> {
    if (decision.kind === 'moved') return yield* this.#rereadMoved(decision, event, hold);
    const { reader, known } = this.#options;
    const { namespace } = decision;
    const uuid = event.operationType === 'rename' ? event.collectionUuid : null;
    const find = (): Promise<CatalogEntry | undefined> => reader.present(namespace, uuid);
    const entry = await find();
    let same: CollectionDefinition | null;
    if (this.#isUnderWay(namespace, event)) same = sameAs(entry, known.get(namespace));
    else {
      const begun = this.#begin(decision, event, entry);
      const reading = { namespace, clusterTime: formatClusterTime(event.clusterTime) };
      if (begun.ddl.length > 0) yield { kind: 'ddl', ddl: begun.ddl, position: hold, reading };
      same = begun.same;
    }
    yield* reader.readAll(entry, find, { namespace, time: event.clusterTime, hold });
    if (!entry) return null;
    const now = definitionOf(entry, namespace, false);
    // What no event has told of it is still to be told: see listing-again.ts.
    return same ? { ...now, options: same.options, indexes: same.indexes } : now;
  }

  /**
   * The capture before this one has committed the structure changes. To repeat them would drop what
   * only the reading has brought.
   */
  #isUnderWay(namespace: string, event: ChangeEvent): boolean {
    const { underWay } = this.#options;
    return underWay?.namespace === namespace && underWay.clusterTime === formatClusterTime(event.clusterTime);
  }

  /**
   * The structure changes, and what is known of the collection if it is the one that was renamed.
   */
  #begin(
    { namespace, before }: Reread & { readonly kind: 'reread' },
    event: ChangeEvent,
    entry: CatalogEntry | undefined,
  ): { readonly ddl: readonly ToldDdl[]; readonly same: CollectionDefinition | null } {
    const { known } = this.#options;
    const { clusterTime } = event;
    const wasKnown = event.namespace === null ? undefined : known.get(event.namespace);
    const ddl: ToldDdl[] = before.map((each) => ({ event: each, definition: null }));
    for (const each of before) known.apply(each);
    const renamedInside = before.some(({ operation }) => operation === 'rename');
    const same = renamedInside ? sameAs(entry, wasKnown) : null;
    if (entry && !same) {
      // It is another collection than the one we believed in. What was captured under the name may
      // hold documents that this one never had, and only starting afresh removes them.
      if (renamedInside) {
        const drop = { ...synthetic('drop', namespace, clusterTime), synthetic: true } as const;
        ddl.push({ event: drop, definition: null });
      }
      ddl.push(...creation(definitionOf(entry, namespace, false), clusterTime));
    }
    return { ddl, same };
  }

  /** Options and lanes stay; the uuid is new, and so may be indexes that the move has made. */
  async *#rereadMoved(
    { namespace, uuid, final }: Moved,
    event: ChangeEvent,
    hold: StreamPosition,
  ): AsyncGenerator<SealedUnit, CollectionDefinition> {
    const { reader, known } = this.#options;
    const wasKnown = known.get(namespace) ?? definitionOfCreate(namespace, uuid, null);
    const bytes = Buffer.from(uuid, 'hex');
    // Until the new one is visible, the old one is, and no write comes to it any more.
    const find = async (): Promise<CatalogEntry | undefined> =>
      (await reader.present(namespace, bytes)) ?? (await reader.present(namespace, null));
    const entry = await find();
    if (final && entry) yield* indexesOnly(entry, namespace, event, hold);
    yield* reader.readAll(entry, find, { namespace, time: event.clusterTime, hold });
    return { ...wasKnown, uuid, snapshot: false };
  }

  /** The structure changes that would make a collection as it is now. */
  async describe(namespace: string, time: bigint): Promise<readonly ToldDdl[]> {
    const entry = await this.#options.reader.present(namespace, null);
    if (entry) return creation(definitionOf(entry, namespace, false), time);
    const definition = definitionOfCreate(namespace, null, null);
    return [{ event: synthetic('create', namespace, time), definition }];
  }
}

/**
 * Without the create, which a load would take for another collection; without the definition, which
 * belongs to the position after the event.
 */
function* indexesOnly(
  entry: CatalogEntry,
  namespace: string,
  { clusterTime }: ChangeEvent,
  hold: StreamPosition,
): Generator<SealedDdl> {
  const [, ...indexes] = creation(definitionOf(entry, namespace, false), clusterTime);
  const ddl = indexes.map(({ event }) => ({ event, definition: null }));
  if (ddl.length > 0) yield { kind: 'ddl', ddl, position: hold };
}

function sameAs(
  entry: CatalogEntry | undefined,
  known: CollectionDefinition | undefined,
): CollectionDefinition | null {
  const uuid = entry?.uuid?.toString('hex') ?? null;
  return entry && known?.uuid === uuid ? known : null;
}
