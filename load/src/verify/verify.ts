/**
 * Compares a source with a target: collections, options and indexes; then every document, byte for byte, in `_id` ranges of which
 * several are read at once; then again what differed. Reads only. Memory is flat: batches, an unmet run and suspects are
 * bounded, and beyond the limit differences are counted without being looked at again.
 */
import { type CatalogEntry, listCatalog } from '@waybill/shared/mongo/catalog';
import type { MongoConnection } from '@waybill/shared/mongo/connection';
import type { NamespaceFilter } from '@waybill/shared/mongo/namespace-filter';
import { currentOperationTime } from '@waybill/shared/mongo/operation-time';
import { planRanges, type Range } from '@waybill/shared/mongo/range-plan';
import type { ClusterTime } from '@waybill/shared/position';
import PQueue from 'p-queue';
import { type Counts, compareRange, type Pair, type ReadFrom } from './compare-range.ts';
import type { Suspect } from './matcher.ts';
import { type RecheckOptions, recheck } from './recheck.ts';
import {
  type CollectionReport,
  type DocumentDifference,
  isSame,
  type StructureDifference,
  type VerifyReport,
} from './report.ts';
import { compareStructure } from './structure.ts';

export interface VerifySettings {
  /** Ranges compared at once. */
  readonly concurrency: number;
  /** About how many bytes of documents one range has. */
  readonly rangeBytes: number;
  /** A difference is proven when both sides stood still for this long, in milliseconds. */
  readonly settleMs: number;
  /** How long differing documents of a range are looked at again, in milliseconds. */
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
  detailLimit: 100,
  fieldLimit: 20,
};

/** Updated as the comparison goes on; the command's progress display samples it. */
export interface VerifyStats {
  documents: number;
  documentsTotal: number;
  bytes: number;
  suspects: number;
  collection: string;
}

export function newVerifyStats(): VerifyStats {
  return { documents: 0, documentsTotal: 0, bytes: 0, suspects: 0, collection: '' };
}

export interface VerifyDeps extends Pair {
  readonly filter: NamespaceFilter;
  readonly stats: VerifyStats;
  readonly signal: AbortSignal;
}

/** Per range; beyond it suspects count as different without being looked at again. */
const SUSPECT_LIMIT = 20_000;

export async function runVerify(given: Partial<VerifySettings>, deps: VerifyDeps): Promise<VerifyReport> {
  const settings = { ...VERIFY_DEFAULTS, ...given };
  const started = Date.now();
  const [source, target] = await bothCatalogs(deps);
  const structure = compareStructure(source, target);
  const comparison = new Comparison(settings, deps, structure, {
    source: await timeOf(deps.source, deps.signal),
    target: await timeOf(deps.target, deps.signal),
  });
  const shared = new Set(target.map(({ namespace }) => namespace));
  const collections = source.filter(({ type }) => type === 'collection');
  deps.stats.documentsTotal = collections.reduce((sum, { documents }) => sum + documents, 0);
  for (const entry of collections.filter(({ namespace }) => shared.has(namespace)))
    await comparison.run(entry);
  return {
    same: isSame(comparison.collections, structure),
    startedAt: new Date(started).toISOString(),
    seconds: (Date.now() - started) / 1000,
    collections: comparison.collections,
    structure,
    differences: comparison.differences,
  };
}

/** Collections, options and indexes alone. What a load holds back until the cutover is marked so. */
export async function verifyStructure(
  deps: Pick<VerifyDeps, 'source' | 'target' | 'filter' | 'signal'>,
): Promise<StructureDifference[]> {
  return compareStructure(...(await bothCatalogs(deps)));
}

function bothCatalogs({
  source,
  target,
  filter,
  signal,
}: Pick<VerifyDeps, 'source' | 'target' | 'filter' | 'signal'>): Promise<[CatalogEntry[], CatalogEntry[]]> {
  return Promise.all([listCatalog(source, filter, signal), listCatalog(target, filter, signal)]);
}

/** A standalone target has no operation time, and no majority to wait for. */
async function timeOf(connection: MongoConnection, signal: AbortSignal): Promise<ClusterTime | undefined> {
  if (connection.server.topology === 'standalone') return undefined;
  return currentOperationTime(connection, { signal });
}

class Comparison {
  readonly #settings: VerifySettings;
  readonly #deps: VerifyDeps;
  readonly #notBefore: ReadFrom;
  readonly #structure: StructureDifference[];
  readonly collections: CollectionReport[] = [];
  readonly differences: DocumentDifference[] = [];

  constructor(
    settings: VerifySettings,
    deps: VerifyDeps,
    structure: StructureDifference[],
    notBefore: ReadFrom,
  ) {
    this.#notBefore = notBefore;
    this.#settings = settings;
    this.#deps = deps;
    this.#structure = structure;
  }

  async run(entry: CatalogEntry): Promise<void> {
    const { namespace, capped } = entry;
    const { concurrency, rangeBytes } = this.#settings;
    const { source, stats, signal } = this.#deps;
    stats.collection = namespace;
    const tally = { namespace, sourceDocuments: 0, targetDocuments: 0, bytes: 0 };
    const found = { missing: 0, extra: 0, different: 0, settled: 0 };
    const ranges = await planRanges(source, entry, { rangeBytes, signal });
    const queue = new PQueue({ concurrency });
    await queue.addAll(ranges.map((range) => () => this.#compare(namespace, range, capped, tally, found)));
    this.collections.push({ ...tally, ...found });
  }

  async #compare(
    namespace: string,
    range: Range,
    capped: boolean,
    tally: Counts,
    found: Found,
  ): Promise<void> {
    const { signal, stats } = this.#deps;
    const suspects: Suspect[] = [];
    await compareRange(this.#deps, namespace, {
      range,
      notBefore: this.#notBefore,
      natural: capped,
      signal,
      onProgress: (counts) => {
        tally.sourceDocuments += counts.sourceDocuments;
        tally.targetDocuments += counts.targetDocuments;
        tally.bytes += counts.bytes;
        stats.documents += counts.sourceDocuments;
        stats.bytes += counts.bytes;
      },
      onSuspects: async (more) => {
        stats.suspects += more.length;
        const room = SUSPECT_LIMIT - suspects.length;
        suspects.push(...more.slice(0, room));
        found.different += Math.max(0, more.length - room);
      },
    });
    if (suspects.length === 0) return;
    const settledBefore = found.settled;
    await this.#recheck(namespace, suspects, found);
    const allSettled = found.settled - settledBefore === suspects.length;
    if (capped && allSettled && !(await this.#sameOrder(namespace, range)))
      this.#structure.push({ namespace, what: 'order', detail: 'natural order differs', heldBack: false });
  }

  /** Read once more: changes on their way have arrived, so what does not meet now stands in another place. */
  async #sameOrder(namespace: string, range: Range): Promise<boolean> {
    let unmet = 0;
    await compareRange(this.#deps, namespace, {
      range,
      notBefore: this.#notBefore,
      natural: true,
      signal: this.#deps.signal,
      onProgress: () => undefined,
      onSuspects: async (suspects) => {
        unmet += suspects.length;
      },
    });
    return unmet === 0;
  }

  async #recheck(namespace: string, suspects: readonly Suspect[], found: Found): Promise<void> {
    const { settleMs, recheckLimitMs: limitMs, fieldLimit, detailLimit } = this.#settings;
    const options: RecheckOptions = { settleMs, limitMs, fieldLimit, signal: this.#deps.signal };
    const { settled, differences } = await recheck(this.#deps, namespace, suspects, options);
    found.settled += settled;
    for (const difference of differences) {
      found[difference.kind]++;
      if (this.differences.length < detailLimit) this.differences.push(difference);
    }
  }
}

interface Found {
  missing: number;
  extra: number;
  different: number;
  settled: number;
}
