/**
 * Compares a source with a target. First collections, options and indexes; then every document,
 * byte for byte, in `_id` ranges of which several are read at once; then again what differed, so
 * that changes on their way may arrive. It only reads. Memory is flat: batches are bounded, and so
 * is what is looked at again.
 */
import { LinkedAbort, sleep } from '@waybill/shared/base/lifecycle';
import { DEFAULT_RETRY, retry } from '@waybill/shared/base/retry';
import { isAtLeast } from '@waybill/shared/mongo/driver/server-info';
import type { CatalogEntry } from '@waybill/shared/mongo/facts/catalog';
import { planRanges, type Range } from '@waybill/shared/mongo/read/range-plan';
import PQueue from 'p-queue';
import { ConnectionReader } from '../reading/connection-reader.ts';
import { RenamedReader } from '../reading/renamed-reader.ts';
import { bothCatalogs, type Catalogs, compareCatalogs, withSource } from './catalogs.ts';
import { compareRange, type Pair, type ReadFrom } from './compare-range.ts';
import type { Findings } from './findings.ts';
import { Rechecker } from './recheck.ts';
import {
  type CollectionReport,
  isDifference,
  isEmpty,
  isSame,
  type StructureDifference,
  type VerifyReport,
} from './report.ts';
import { type Sameness, samenessBy } from './sameness.ts';
import { scopeOf } from './scope.ts';
import { VERIFY_DEFAULTS, type VerifyDeps, type VerifySettings } from './settings.ts';

/** @throws errors of the servers, and the signal's reason */
export async function runVerify(given: Partial<VerifySettings>, deps: VerifyDeps): Promise<VerifyReport> {
  const settings = { ...VERIFY_DEFAULTS, ...given };
  const started = Date.now();
  using abort = new LinkedAbort(deps.signal);
  const verification = new Verification(settings, { ...deps, signal: abort.signal });
  try {
    const { scope, collections, structure, differences } = await verification.run();
    return {
      same: isSame(collections, structure) && !isEmpty({ scope }),
      scope,
      startedAt: new Date(started).toISOString(),
      seconds: (Date.now() - started) / 1000,
      collections,
      structure,
      differences,
    };
  } finally {
    // After a failure other ranges are still being read.
    abort.abort();
    await verification.settle();
  }
}

type Tally = { -readonly [Field in keyof CollectionReport]: CollectionReport[Field] } & Findings;

const STRUCTURE_POLL_MS = 500;

class Verification {
  readonly #settings: VerifySettings;
  readonly #deps: VerifyDeps;
  readonly #pair: Pair;
  readonly #queue: PQueue;
  readonly #sameness: Sameness;
  readonly #rechecker: Rechecker;
  readonly #tallies = new Map<string, Tally>();
  /** Capped collections whose documents differed at first: perhaps only their order does. */
  readonly #toOrder = new Set<string>();
  /** The source's names, by the target's. */
  readonly #sources = new Map<string, string>();
  #notBefore: ReadFrom = { source: undefined, target: undefined };
  #hasFailed = false;

  constructor(settings: VerifySettings, deps: VerifyDeps) {
    this.#settings = settings;
    this.#deps = deps;
    const source = new ConnectionReader(deps.source);
    const isSame = deps.mapping?.isIdentity ?? true;
    const sourceOf = (namespace: string): string => this.#sources.get(namespace) ?? namespace;
    this.#pair = {
      source: isSame ? source : new RenamedReader(source, sourceOf),
      target: deps.target.reader,
    };
    this.#queue = new PQueue({ concurrency: settings.concurrency });
    this.#sameness = samenessBy(deps.target.profile.canonical);
    const rechecked = { ...settings, limitMs: settings.recheckLimitMs };
    const { load, letters, signal } = deps;
    const sameness = this.#sameness;
    this.#rechecker = new Rechecker(rechecked, { ...this.#pair, load, letters, sameness, signal });
  }

  async run(): Promise<Pick<VerifyReport, 'scope' | 'collections' | 'structure' | 'differences'>> {
    const { signal } = this.#deps;
    const { source, target } = this.#pair;
    this.#notBefore = {
      source: await source.operationTime(signal),
      target: await target.operationTime(signal),
    };
    const catalogs = await this.#catalogs();
    this.#deps.acceptance?.assertKnown(compareCatalogs(this.#deps, catalogs));
    await this.#compareAll(catalogs);
    const structure = await this.#settledStructure(catalogs);
    structure.push(...(await this.#orderDifferences()));
    const collections = [...this.#tallies.values()].sort((a, b) => (a.namespace < b.namespace ? -1 : 1));
    const scope = await scopeOf(this.#deps, catalogs[0], collections.length);
    const named = <T extends { readonly namespace: string }>(each: T): T =>
      withSource(each, this.#sources.get(each.namespace));
    const differences = this.#rechecker.differences.map(named);
    return { scope, collections: collections.map(named), structure: structure.map(named), differences };
  }

  async #catalogs(): Promise<Catalogs> {
    const catalogs = await bothCatalogs(this.#deps);
    for (const { namespace, source } of catalogs[0]) this.#sources.set(namespace, source);
    return catalogs;
  }

  /** Resolves when nothing of it runs any more. Never rejects. */
  async settle(): Promise<void> {
    this.#queue.clear();
    await this.#queue.onIdle();
    await this.#rechecker.finish().catch(() => undefined);
  }

  /** Compares documents of the collections that both sides have, and that were not compared yet. */
  async #compareAll([source, target]: Catalogs): Promise<void> {
    const there = new Set(target.filter(isCollection).map(({ namespace }) => namespace));
    const shared = source
      .filter(isCollection)
      .filter(({ namespace }) => there.has(namespace) && !this.#tallies.has(namespace));
    const { stats } = this.#deps;
    for (const { documents, bytes } of shared) {
      stats.documentsTotal += documents;
      stats.bytesTotal += bytes;
    }
    const work: Promise<void>[] = [];
    for (const entry of shared) {
      const tally = this.#tallyOf(entry.namespace);
      const { rangeBytes } = this.#settings;
      const { ranges } = await planRanges(this.#deps.source, entry, {
        rangeBytes,
        signal: this.#deps.signal,
      });
      for (const range of ranges) {
        const done = this.#queue.add(() => this.#compare(entry, range, tally));
        done.catch(() => {
          this.#hasFailed = true;
        });
        work.push(done);
      }
      if (this.#hasFailed) break;
      // Collections are many or large: wait here, so that planned ranges do not pile up.
      await this.#queue.onSizeLessThan(this.#settings.concurrency);
    }
    await Promise.all(work);
    await this.#rechecker.finish();
  }

  async #compare({ namespace, capped }: CatalogEntry, range: Range, tally: Tally): Promise<void> {
    const { signal, stats } = this.#deps;
    stats.collection = namespace;
    await compareRange(this.#pair, namespace, {
      range,
      notBefore: this.#notBefore,
      natural: capped,
      sameness: this.#sameness,
      signal,
      onProgress: ({ sourceDocuments, targetDocuments, bytes, canonical }) => {
        tally.sourceDocuments += sourceDocuments;
        tally.targetDocuments += targetDocuments;
        tally.bytes += bytes;
        tally.canonical += canonical;
        stats.documents += sourceDocuments;
        stats.bytes += bytes;
      },
      onSuspects: async (ids) => {
        if (capped) this.#toOrder.add(namespace);
        stats.suspects += ids.length;
        await this.#rechecker.add(namespace, ids, tally);
        stats.rechecking = this.#rechecker.size;
      },
      onRepeated: async (side, ids) => {
        const duplicates = await this.#pair[side].duplicateIds(namespace, ids, signal);
        this.#rechecker.addDuplicates(namespace, duplicates, tally);
      },
    });
  }

  /**
   * Structure too may be on its way, and collections that came late have documents to compare.
   * Where a collection stays missing or extra, its documents count as missing or extra.
   */
  async #settledStructure(first: Catalogs): Promise<StructureDifference[]> {
    const { load, signal } = this.#deps;
    const { settleMs, recheckLimitMs } = this.#settings;
    const deadline = performance.now() + recheckLimitMs;
    let catalogs = first;
    let found = compareCatalogs(this.#deps, catalogs);
    let since = performance.now();
    while (found.some(maySettle) && performance.now() < deadline) {
      const runs = (await load?.look(signal))?.runs ?? false;
      if (!runs && performance.now() - since >= settleMs) break;
      await sleep(Math.min(STRUCTURE_POLL_MS, settleMs), signal);
      catalogs = await this.#catalogs();
      const again = compareCatalogs(this.#deps, catalogs);
      if (JSON.stringify(again) !== JSON.stringify(found)) since = performance.now();
      found = again;
    }
    await this.#compareAll(catalogs);
    await this.#countAlone(found, catalogs);
    return found;
  }

  async #countAlone(found: readonly StructureDifference[], [source, target]: Catalogs): Promise<void> {
    const sides = { 'collection-missing': source, 'collection-extra': target } as const;
    for (const { namespace, what, accepted } of found) {
      if (accepted || (what !== 'collection-missing' && what !== 'collection-extra')) continue;
      if (!sides[what].some((entry) => entry.namespace === namespace && isCollection(entry))) continue;
      const isMissing = what === 'collection-missing';
      const reader = isMissing ? this.#pair.source : this.#pair.target;
      const { signal } = this.#deps;
      const count = await retry(() => reader.count(namespace, signal), DEFAULT_RETRY, { signal });
      const tally = this.#tallyOf(namespace);
      if (isMissing) Object.assign(tally, { sourceDocuments: count, missing: count });
      else Object.assign(tally, { targetDocuments: count, extra: count });
    }
  }

  /**
   * Reads once more. Changes on their way have arrived, so what does not meet now stands in another
   * place.
   */
  async #orderDifferences(): Promise<StructureDifference[]> {
    const found: StructureDifference[] = [];
    for (const namespace of this.#toOrder) {
      const { missing, extra, different, changing } = this.#tallyOf(namespace);
      if (missing + extra + different + changing > 0) continue;
      let unmet = 0;
      await compareRange(this.#pair, namespace, {
        range: { lower: null, upper: null },
        notBefore: this.#notBefore,
        natural: true,
        sameness: this.#sameness,
        signal: this.#deps.signal,
        onProgress: () => undefined,
        onSuspects: async ({ length }) => {
          unmet += length;
        },
        // Capped collections are not sharded.
        onRepeated: async () => undefined,
      });
      if (unmet > 0) found.push({ namespace, ...this.#orderOf(unmet), heldBack: false });
    }
    return found;
  }

  /**
   * Before 6.0 a server orders concurrent inserts into a capped collection in its oplog and in the
   * collection separately (measured on 4.0; on 8.2 the two are one). So no change stream tells the
   * order in the collection.
   */
  #orderOf(documents: number): Pick<StructureDifference, 'what' | 'detail'> {
    if (isAtLeast(this.#deps.source.server, 6)) return { what: 'order', detail: 'natural order differs' };
    return {
      what: 'order-untold',
      detail: `${documents} documents of concurrent writers stand in another order than on the source, whose oplog does not tell it`,
    };
  }

  #tallyOf(namespace: string): Tally {
    let tally = this.#tallies.get(namespace);
    if (!tally) {
      const counts = { sourceDocuments: 0, targetDocuments: 0, bytes: 0 };
      const found = {
        missing: 0,
        extra: 0,
        different: 0,
        duplicates: 0,
        changing: 0,
        canonical: 0,
        settled: 0,
        letters: 0,
      };
      tally = { namespace, ...counts, ...found };
      this.#tallies.set(namespace, tally);
    }
    return tally;
  }
}

/** What the target refuses does not settle. */
function maySettle(difference: StructureDifference): boolean {
  return isDifference(difference) && difference.blocked === undefined;
}

function isCollection({ type }: CatalogEntry): boolean {
  return type === 'collection';
}
