/**
 * Looks at documents and structure by the rules of a kind of target, and counts what it would
 * refuse or alter. It writes nothing, and needs no target. Memory grows with the namespaces, not
 * with the documents.
 */
import { WaybillError } from '@waybill/shared/base/errors';
import type { NameMapping } from '../mapping/name-mapping.ts';
import type { TargetProfile } from '../target/profiles/profile.ts';
import type { DocumentRules } from '../target/rules/documents.ts';
import { DocumentFindings } from './documents.ts';
import { type AssessFinding, FindingTable } from './findings.ts';
import { IndexEntries } from './index-entries.ts';
import type { AssessStats } from './settings.ts';
import { StructureFindings } from './structure.ts';

export interface AssessReport {
  readonly targetKind: string;
  readonly target: string;
  /** A stream of a bucket, or the hosts of a source. */
  readonly looked: Looked;
  /** Nothing would be refused. */
  readonly taken: boolean;
  readonly findings: readonly AssessFinding[];
  readonly seconds: number;
}

export interface Looked {
  readonly at: 'stream' | 'source';
  readonly place: string;
  readonly collections: number;
  readonly views: number;
  readonly indexes: number;
  /** Of the snapshot, or of the source. */
  readonly documents: number;
  /** States of documents among the changes. */
  readonly changedDocuments: number;
  /** Changes of structure in the stream. */
  readonly structureChanges: number;
  readonly bytes: number;
  /** Collections of which a part was looked at. */
  readonly sampled: readonly SampledCollection[];
}

export interface SampledCollection {
  readonly namespace: string;
  readonly documents: number;
  /** As far as the source's statistics tell. */
  readonly of: number;
}

export interface AssessmentOptions {
  readonly profile: TargetProfile;
  /** Of documents: the profile's, or those of a server that was asked. */
  readonly rules: DocumentRules | null;
  /** {@link Target.onlyDatabase}; null where no target was asked. */
  readonly onlyDatabase: string | null;
  readonly mapping: NameMapping;
  readonly stats: AssessStats;
}

/** Takes in what is looked at. */
export class Assessment {
  readonly structure: StructureFindings;
  readonly stats: AssessStats;
  readonly sampled: SampledCollection[] = [];
  readonly #profile: TargetProfile;
  readonly #onlyDatabase: string | null;
  readonly #table = new FindingTable();
  readonly #documents: DocumentFindings;
  readonly #startedAt = performance.now();

  constructor({ profile, rules, onlyDatabase, mapping, stats }: AssessmentOptions) {
    this.#profile = profile;
    this.#onlyDatabase = onlyDatabase;
    this.stats = stats;
    const { entryBytes } = profile.indexes;
    const entries = entryBytes === null ? null : new IndexEntries(entryBytes);
    this.structure = new StructureFindings(this.#table, profile, mapping, entries);
    this.#documents = new DocumentFindings(this.#table, rules, profile.canonical, entries);
  }

  look(namespace: string, document: Uint8Array, of: 'documents' | 'changedDocuments'): void {
    this.stats[of]++;
    this.stats.bytes += document.length;
    this.#documents.look(namespace, document);
  }

  /** @throws ASSESS_NOTHING_SEEN */
  report({ at, place }: Pick<Looked, 'at' | 'place'>): AssessReport {
    this.structure.lookAtNames(this.#onlyDatabase);
    const { collections, views, indexes, changes } = this.structure.counts;
    const { documents, changedDocuments, bytes } = this.stats;
    if (collections + views + changes + changedDocuments === 0) throw nothingSeen(at, place);
    const findings = this.#table.list();
    return {
      targetKind: this.#profile.kind,
      target: this.#profile.title,
      looked: {
        at,
        place,
        collections,
        views,
        indexes,
        documents,
        changedDocuments,
        structureChanges: changes,
        bytes,
        sampled: this.sampled,
      },
      taken: !findings.some(({ level }) => level === 'refused'),
      findings,
      seconds: Math.round(performance.now() - this.#startedAt) / 1000,
    };
  }
}

function nothingSeen(at: Looked['at'], place: string): WaybillError {
  const what = at === 'stream' ? `the stream ${place}` : `the source ${place}`;
  return new WaybillError('ASSESS_NOTHING_SEEN', `${what} has no collection to look at`, {
    hint: 'Check --include and --exclude, and whether the stream has its inventory yet (waybill status).',
    context: { place },
  });
}
