/** What a verification is given, and what it shows while it runs. */
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import type { NamespaceFilter } from '@waybill/shared/mongo/facts/namespace-filter';
import type { KnownLetters } from '../letters/known-letters.ts';
import type { NameMapping } from '../mapping/name-mapping.ts';
import type { Target } from '../target/target.ts';
import type { Acceptance } from './acceptance.ts';
import type { LoadWatch } from './load-watch.ts';

export interface VerifySettings {
  /** Ranges compared at once. */
  readonly concurrency: number;
  /** About how many bytes of documents one range has. */
  readonly rangeBytes: number;
  /** A difference is proven once both sides stood still for this long. Milliseconds. */
  readonly settleMs: number;
  /** How long a document that differs is looked at again. Milliseconds. */
  readonly recheckLimitMs: number;
  /** Differences reported in detail. */
  readonly detailLimit: number;
  /** Fields named per document. */
  readonly fieldLimit: number;
}

export const VERIFY_DEFAULTS: VerifySettings = {
  concurrency: 3,
  rangeBytes: 64 * 1024 * 1024,
  settleMs: 2000,
  recheckLimitMs: 30_000,
  detailLimit: 1000,
  fieldLimit: 20,
};

/** Updated as the comparison goes on; the command's progress display samples it. */
export interface VerifyStats {
  documents: number;
  documentsTotal: number;
  bytes: number;
  bytesTotal: number;
  /** Looked at again, so far and now. */
  suspects: number;
  rechecking: number;
  collection: string;
}

export function newVerifyStats(): VerifyStats {
  return {
    documents: 0,
    documentsTotal: 0,
    bytes: 0,
    bytesTotal: 0,
    suspects: 0,
    rechecking: 0,
    collection: '',
  };
}

export interface VerifyDeps {
  readonly source: MongoConnection;
  readonly target: Pick<Target, 'profile' | 'progress' | 'reader' | 'shardKeys'>;
  /** By the source's names. */
  readonly filter: NamespaceFilter;
  /** What the source's collections are called on the target. Default: the same. */
  readonly mapping?: NameMapping | undefined;
  /** The load that fills the target, and may be running. Null where none is known. */
  readonly load: LoadWatch | null;
  /** Default: nothing is accepted. */
  readonly acceptance?: Acceptance;
  /** The load's dead letters: they explain differences. */
  readonly letters?: Pick<KnownLetters, 'of'>;
  readonly stats: VerifyStats;
  readonly signal: AbortSignal;
}
