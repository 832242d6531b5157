import { collectionProgress } from '@waybill/shared/base/stats';
import type { CollectionDefinition } from '@waybill/shared/manifest/commit';
import { unmatchedPatterns } from '@waybill/shared/mongo/facts/unmatched';
import { sideBySide } from '../base/side-by-side.ts';
import type { LoadFilter } from '../settings/load-filter.ts';
import { ensureCollection, plainCollection, wantedOf } from '../structure/collections.ts';
import type { StructureContext } from '../structure/context.ts';
import { NO_OPTIONS } from '../structure/options.ts';
import type { CollectionRecord } from '../structure/registry.ts';
import { ensureViews } from '../structure/views.ts';

/**
 * A small collection mostly waits: its creation, its documents and its progress reach a majority
 * one after the other. So this many are under way at once. Together they hold less than one large
 * segment.
 */
export const SMALL_AT_ONCE = 8;
/** Options of most collections, in base64. */
const PLAIN = NO_OPTIONS.toString('base64');
/** Every server takes names of this many bytes. */
const SHORT_NAMESPACE = 100;

/** The collections and views that the snapshot has, and their making on the target. */
export class Inventory {
  readonly #structure: StructureContext;
  readonly #filter: LoadFilter;
  readonly #definitions = new Map<string, CollectionDefinition>();
  readonly #ensured = new Map<string, Promise<CollectionRecord>>();
  #doubtsSettled = false;

  constructor(structure: StructureContext, filter: LoadFilter) {
    this.#structure = structure;
    this.#filter = filter;
  }

  /**
   * The first definition of a name belongs to T0. A later one describes where the stream's own
   * events lead.
   */
  take(definitions: readonly CollectionDefinition[]): void {
    const { takes, stats } = this.#structure;
    for (const definition of definitions) {
      const { namespace, documents, bytes } = definition;
      if (this.#definitions.has(namespace) || !takes(namespace)) continue;
      this.#definitions.set(namespace, definition);
      if (!hasDocuments(definition)) continue;
      const progress = collectionProgress(stats, namespace);
      progress.documentsTotal = documents;
      progress.bytesTotal = bytes;
    }
  }

  isCapped(namespace: string): boolean {
    return this.#definitions.get(namespace)?.capped ?? false;
  }

  /** Creates each collection once, however many segments it has. */
  ensure(namespace: string): Promise<CollectionRecord> {
    let ensured = this.#ensured.get(namespace);
    if (!ensured) {
      const definition = this.#definitions.get(namespace);
      const wanted = definition ? wantedOf(definition) : plainCollection(namespace, null);
      ensured = ensureCollection(this.#structure, wanted);
      this.#ensured.set(namespace, ensured);
    }
    return ensured;
  }

  /**
   * Makes collections that a server may refuse before the first document is written, and not after
   * the copy. Another load that leaves one out then finds nothing in its way.
   */
  async ensureDoubtful(): Promise<void> {
    if (this.#doubtsSettled) return;
    this.#doubtsSettled = true;
    const doubtful = this.#collections().filter(
      ({ namespace, options }) => options !== PLAIN || Buffer.byteLength(namespace) > SHORT_NAMESPACE,
    );
    await sideBySide(doubtful, SMALL_AT_ONCE, ({ namespace }) => this.ensure(namespace));
    await this.#ensureViews();
  }

  /** Makes what has no documents too, and the views. Returns the number of collections. */
  async ensureAll(): Promise<number> {
    this.#warnOfUnmatched();
    const collections = this.#collections();
    await sideBySide(collections, SMALL_AT_ONCE, async ({ namespace }) => {
      await this.ensure(namespace);
      collectionProgress(this.#structure.stats, namespace).done = true;
    });
    await this.#ensureViews();
    return collections.length;
  }

  #collections(): CollectionDefinition[] {
    return [...this.#definitions.values()].filter(hasDocuments);
  }

  #ensureViews(): Promise<void> {
    const views = [...this.#definitions.values()].filter(({ type }) => type === 'view');
    return ensureViews(this.#structure, views.map(wantedOf));
  }

  /** No error: the name may come into being later. */
  #warnOfUnmatched(): void {
    for (const include of unmatchedPatterns(this.#filter.include, [...this.#definitions.keys()])) {
      this.#structure.logger.warn('--include names nothing that the stream began with', { include });
    }
  }
}

function hasDocuments({ type, snapshot }: CollectionDefinition): boolean {
  return type === 'collection' && snapshot;
}
