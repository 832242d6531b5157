/** Counts what a target would refuse or alter of collections, views, indexes and their changes. */
import { type Namespace, splitNamespace } from '@waybill/shared/base/record';
import { elements, findElement } from '@waybill/shared/bson/raw';
import type { DdlEvent } from '@waybill/shared/manifest/commit';
import { optionFields } from '@waybill/shared/mongo/facts/definition-fields';
import { collectionNameFault } from '../checks/check-collection.ts';
import type { NameMapping } from '../mapping/name-mapping.ts';
import { nameProblem } from '../mapping/target-name.ts';
import { indexName, isInherent, translateIndex } from '../structure/index-spec.ts';
import type { TargetProfile } from '../target/profiles/profile.ts';
import { indexRefusal } from '../target/rules/indexes.ts';
import type { FindingTable } from './findings.ts';
import type { IndexEntries } from './index-entries.ts';

/** As the source or the stream describes it. */
export interface LookedAtCollection {
  readonly namespace: string;
  readonly type: 'collection' | 'view' | 'timeseries';
  readonly options: Uint8Array;
  readonly indexes: readonly Uint8Array[];
}

export class StructureFindings {
  readonly #table: FindingTable;
  readonly #profile: TargetProfile;
  readonly #mapping: NameMapping;
  readonly #entries: IndexEntries | null;
  readonly #collections = new Set<string>();
  readonly #views = new Set<string>();
  readonly #indexes = new Set<string>();
  #changes = 0;

  constructor(
    table: FindingTable,
    profile: TargetProfile,
    mapping: NameMapping,
    entries: IndexEntries | null = null,
  ) {
    this.#entries = entries;
    this.#table = table;
    this.#profile = profile;
    this.#mapping = mapping;
  }

  get counts(): { collections: number; views: number; indexes: number; changes: number } {
    return {
      collections: this.#collections.size,
      views: this.#views.size,
      indexes: this.#indexes.size,
      changes: this.#changes,
    };
  }

  look({ namespace, type, options, indexes }: LookedAtCollection): void {
    (type === 'view' ? this.#views : this.#collections).add(namespace);
    this.#name(namespace);
    if (type === 'view') {
      if (!this.#profile.structure.hasViews) this.#table.addOnce('view', null, namespace);
      return;
    }
    if (type === 'timeseries') this.#table.addOnce('time-series', null, namespace);
    const fields = optionFields(options);
    for (const option of this.#profile.structure.refusedOptions) {
      if (!fields.has(option)) continue;
      // The load cannot do without it: other documents would be in it.
      if (option === 'capped') this.#table.addOnce('capped', null, namespace);
      else this.#table.addOnce('collection-option', option, namespace);
    }
    this.#lookAtIndexes(namespace, indexes, fields.has('collation'));
    const { perCollection } = this.#profile.indexes;
    if (perCollection !== null && indexes.length > perCollection) {
      this.#table.addOnce('index-count', null, namespace);
    }
  }

  /** A change of structure in the stream. */
  lookAtChange(event: DdlEvent): void {
    this.#changes++;
    const { operation, namespace, to, description } = event;
    const { renamesCollections, modifiesCollections } = this.#profile.abilities;
    if (operation === 'rename') {
      if (renamesCollections === false) this.#table.add('rename', null, namespace);
      if (to !== undefined) this.#name(to);
    }
    if (operation === 'modify' && modifiesCollections === false) this.#table.add('modify', null, namespace);
    const described = description === null ? null : Buffer.from(description, 'base64');
    if (described === null) return;
    if (operation === 'create') {
      const type = findElement(described, 'viewOn') ? 'view' : 'collection';
      this.look({ namespace, type, options: described, indexes: [] });
    }
    const indexes = operation === 'createIndexes' ? findElement(described, 'indexes') : undefined;
    if (indexes) {
      const specs = [...elements(indexes.bytes)].map(({ bytes }) => bytes);
      this.#lookAtIndexes(namespace, specs, false);
    }
  }

  /**
   * Names that meet on the target, or that it cannot have; once all are known.
   * @param onlyDatabase that can be reached there, where there is but one and it is known
   */
  lookAtNames(onlyDatabase: string | null = null): void {
    const all = [...this.#collections.union(this.#views)].map((source) => {
      return { source, ...splitNamespace(this.#mapping.named(source)) };
    });
    const databases = new Set(all.map(({ database }) => database));
    const hasOne = this.#profile.connection.namesDatabase;
    if (hasOne && databases.size > 1) {
      for (const database of databases) this.#table.addOnce('several-databases', null, database);
    }
    for (const database of databases) {
      if (onlyDatabase !== null && database !== onlyDatabase)
        this.#table.addOnce('other-database', null, database);
    }
    const placeOf = hasOne
      ? ({ collection }: Namespace) => collection
      : ({ database, collection }: Namespace) => `${database}.${collection}`;
    for (const some of Map.groupBy(all, placeOf).values()) {
      if (some.length > 1) this.#table.addOnce('name-collision', null, some[0]!.source);
    }
    for (const some of Map.groupBy(databases, (database) => database.toLowerCase()).values()) {
      if (some.length > 1) this.#table.addOnce('database-case', null, some[0]!);
    }
  }

  #name(namespace: string): void {
    const name = this.#mapping.named(namespace);
    const problem = name === namespace ? null : nameProblem(name);
    const fault = problem ?? collectionNameFault(this.#profile.documents.collections, name);
    if (fault !== null) this.#table.addOnce('collection-name', null, namespace);
  }

  #lookAtIndexes(namespace: string, specs: readonly Uint8Array[], collated: boolean): void {
    for (const spec of specs) {
      if (isInherent(spec)) continue;
      const name = indexName(spec);
      this.#indexes.add(`${namespace}\0${name}`);
      const refusal = indexRefusal(this.#profile.indexes, spec);
      if (refusal !== null) {
        this.#table.addOnce('index-refused', refusal, namespace, name);
        continue;
      }
      this.#entries?.add(namespace, name, spec);
      const { verdict, note = null } = translateIndex(spec, { collated });
      if (verdict === 'altered') this.#table.addOnce('index-altered', note, namespace, name);
      if (verdict === 'skipped') this.#table.addOnce('index-skipped', note, namespace, name);
    }
  }
}
