import { collectionProgress } from '@waybill/shared/base/stats';
import type { CollectionDefinition } from '@waybill/shared/manifest/commit';
import { unmatchedPatterns } from '@waybill/shared/mongo/facts/unmatched';
import { sideBySide } from '../base/side-by-side.ts';
import { assertApartOnTarget } from '../mapping/collisions.ts';
import { type EnteredDefinition, enterDefinition } from '../mapping/entering.ts';
import type { NamePair } from '../mapping/name-mapping.ts';
import { unmatchedRules } from '../mapping/unmatched-rules.ts';
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
  /** By the target's names. */
  readonly #definitions = new Map<string, EnteredDefinition>();
  /** Names on the source at T0. */
  readonly #sources = new Set<string>();
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
    const { takes, mapping, stats } = this.#structure;
    for (const each of definitions) {
      if (!takes(each.namespace)) continue;
      const definition = enterDefinition(each, mapping);
      const { namespace, source, documents, bytes } = definition;
      if (hasDocuments(definition) || definition.type === 'view') this.#sources.add(source);
      if (this.#definitions.has(namespace)) continue;
      this.#definitions.set(namespace, definition);
      if (!hasDocuments(definition)) continue;
      const progress = collectionProgress(stats, namespace);
      progress.documentsTotal = documents;
      progress.bytesTotal = bytes;
    }
  }

  /** Takes the source's name. */
  isCapped(source: string): boolean {
    return this.#definitions.get(this.#structure.mapping.target(source))?.capped ?? false;
  }

  /** Creates each collection once, however many segments it has. */
  ensure(names: NamePair): Promise<CollectionRecord> {
    const { namespace } = names;
    let ensured = this.#ensured.get(namespace);
    if (!ensured) {
      const definition = this.#definitions.get(namespace);
      const wanted = definition ? wantedOf(definition) : plainCollection(names, null);
      ensured = ensureCollection(this.#structure, wanted);
      this.#ensured.set(namespace, ensured);
    }
    return ensured;
  }

  /**
   * Makes collections that a server may refuse before the first document is written, and not after
   * the copy. Another load that leaves one out then finds nothing in its way.
   * @throws LOAD_NAME_COLLISION
   */
  async ensureDoubtful(): Promise<void> {
    if (this.#doubtsSettled) return;
    this.#doubtsSettled = true;
    assertApartOnTarget(this.#sources, this.#structure.mapping);
    const doubtful = this.#collections().filter(
      ({ namespace, options }) => options !== PLAIN || Buffer.byteLength(namespace) > SHORT_NAMESPACE,
    );
    await sideBySide(doubtful, SMALL_AT_ONCE, (definition) => this.ensure(definition));
    await this.#ensureViews();
  }

  /** Makes what has no documents too, and the views. Returns the number of collections. */
  async ensureAll(): Promise<number> {
    this.#warnOfUnmatched();
    assertApartOnTarget(this.#sources, this.#structure.mapping);
    const collections = this.#collections();
    await sideBySide(collections, SMALL_AT_ONCE, async (definition) => {
      await this.ensure(definition);
      collectionProgress(this.#structure.stats, definition.namespace).done = true;
    });
    await this.#ensureViews();
    return collections.length;
  }

  #collections(): EnteredDefinition[] {
    return [...this.#definitions.values()].filter(hasDocuments);
  }

  #ensureViews(): Promise<void> {
    const views = [...this.#definitions.values()].filter(({ type }) => type === 'view');
    return ensureViews(this.#structure, views.map(wantedOf));
  }

  /** No error: the name may come into being later. */
  #warnOfUnmatched(): void {
    const { mapping, logger } = this.#structure;
    const names = [...this.#definitions.values()].map(({ source }) => source);
    for (const include of unmatchedPatterns(this.#filter.include, names)) {
      logger.warn('--include names nothing that the stream began with', { include });
    }
    for (const map of unmatchedRules(mapping, names)) {
      logger.warn('--map names nothing that the stream began with', { map });
    }
  }
}

function hasDocuments({ type, snapshot }: CollectionDefinition): boolean {
  return type === 'collection' && snapshot;
}
