/**
 * Looks again at documents that differed. While the source is written to, a difference may be a
 * change on its way.
 *
 *   settled    both sides came to the same bytes, or the same in the target's form (canonical)
 *   proven     both sides stood still for `settleMs` and differ, and a running load has applied
 *              everything up to the time at which the source was seen like this
 *   changing   the source did not stand still before the time was up: nothing can be said
 *
 * At most {@link OPEN_LIMIT} documents are watched, by hash. Whoever brings more waits until some
 * are decided. So memory stays flat even if everything differs.
 */
import { createHash } from 'node:crypto';
import { sleep } from '@waybill/shared/base/lifecycle';
import type { ClusterTime } from '@waybill/shared/base/position';
import { DEFAULT_RETRY, retry } from '@waybill/shared/base/retry';
import { buildDocument } from '@waybill/shared/bson/build';
import { toCanonicalExtendedJson } from '@waybill/shared/bson/ejson';
import type { RawElement } from '@waybill/shared/bson/raw';
import { documentId } from '@waybill/shared/bson/statement';
import type { KnownLetters } from '../letters/known-letters.ts';
import type { DocumentReader } from '../reading/document-reader.ts';
import type { Pair } from './compare-range.ts';
import { diffDocuments } from './diff.ts';
import type { Findings } from './findings.ts';
import type { LoadWatch } from './load-watch.ts';
import { idsAtOnce, readOne } from './lookup.ts';
import type { DocumentDifference } from './report.ts';
import type { Sameness } from './sameness.ts';

export interface RecheckSettings {
  /** A difference is proven once both sides stood still for this long. Milliseconds. */
  readonly settleMs: number;
  /** How long a document is looked at again. Milliseconds. */
  readonly limitMs: number;
  readonly detailLimit: number;
  /** Fields named per document. */
  readonly fieldLimit: number;
}

export interface RecheckDeps extends Pair {
  /** Null: no load is known, and standing still is proof. */
  readonly load: LoadWatch | null;
  readonly sameness: Sameness;
  readonly letters: Pick<KnownLetters, 'of'> | undefined;
  readonly signal: AbortSignal;
}

interface Watched {
  readonly namespace: string;
  readonly id: RawElement;
  readonly findings: Findings;
  readonly firstAt: number;
  state: string;
  /**
   * When it was first seen in this state, and a time of the source that is not before its last
   * change.
   */
  since: number;
  asOf: ClusterTime | null;
  delay: number;
  dueAt: number;
}

const OPEN_LIMIT = 50_000;
const MANY = 5000;
const TICK_MS = 50;
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 1000;
const LONGEST_ID = 1000;

/** What a side has of an `_id`. Two documents of one, on different shards, are no single one. */
interface Seen {
  /** Hashes in the form that the target gives them, sorted. */
  readonly forms: string;
  readonly bytes: string;
}

const ABSENT: Seen = { forms: '-', bytes: '-' };

export class Rechecker {
  readonly #settings: RecheckSettings;
  readonly #deps: RecheckDeps;
  readonly #open = new Map<string, Watched>();
  /**
   * Decided to differ. A document that moved may be brought once by each side. Bounded, like
   * everything here.
   */
  readonly #named = new Set<string>();
  readonly differences: DocumentDifference[] = [];
  #loop: Promise<void> | null = null;
  #failure: { readonly error: unknown } | null = null;

  constructor(settings: RecheckSettings, deps: RecheckDeps) {
    this.#settings = settings;
    this.#deps = deps;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Resolves when there is room for more. Rejects once looking again has failed. */
  async add(namespace: string, ids: readonly RawElement[], findings: Findings): Promise<void> {
    const { keyOf } = this.#deps.sameness;
    const now = performance.now();
    for (const id of ids) {
      const key = `${namespace}\0${keyOf(id)}`;
      if (this.#open.has(key) || this.#named.has(hashOf(key))) continue;
      const times = { firstAt: now, since: now, asOf: null, delay: FIRST_DELAY_MS, dueAt: now };
      this.#open.set(key, { namespace, id, findings, state: '', ...times });
    }
    this.#loop ??= this.#run().catch((error: unknown) => {
      this.#failure = { error };
    });
    while (this.#open.size > OPEN_LIMIT && !this.#failure) await sleep(TICK_MS, this.#deps.signal);
    this.#throwFailure();
  }

  /** Ids of two documents each, proven already. */
  addDuplicates(namespace: string, ids: readonly RawElement[], findings: Findings): void {
    findings.duplicates += ids.length;
    for (const id of ids)
      this.#name({ namespace, id: idText(id), kind: 'duplicate', ageMs: null, fields: [] });
  }

  /** Resolves when all are decided. */
  async finish(): Promise<void> {
    await this.#loop;
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure.error;
  }

  async #run(): Promise<void> {
    while (this.#open.size > 0) {
      await this.#round();
      if (this.#open.size > 0) await sleep(TICK_MS, this.#deps.signal);
    }
    this.#loop = null;
  }

  async #round(): Promise<void> {
    const now = performance.now();
    const due = [...this.#open.values()].filter(({ dueAt }) => dueAt <= now);
    if (due.length === 0) return;
    // First the load, then the documents: what the load had applied by then is on the target.
    const sight = await this.#deps.load?.look(this.#deps.signal);
    const behind = sight?.runs ? { applied: sight.applied } : null;
    for (const [namespace, some] of Map.groupBy(due, (each) => each.namespace)) {
      for (let from = 0; from < some.length; ) {
        const count = idsAtOnce(some.length - from, (index) => some[from + index]!.id);
        await this.#look(namespace, some.slice(from, from + count), behind);
        from += count;
      }
    }
  }

  async #look(
    namespace: string,
    some: readonly Watched[],
    behind: { readonly applied: ClusterTime | null } | null,
  ): Promise<void> {
    const ids = some.map(({ id }) => id);
    const [source, target] = await Promise.all([
      this.#seen(this.#deps.source, namespace, ids),
      this.#seen(this.#deps.target, namespace, ids),
    ]);
    const now = performance.now();
    const { settleMs, limitMs } = this.#settings;
    for (const watched of some) {
      const key = this.#deps.sameness.keyOf(watched.id);
      const [ours, theirs] = [source.seen.get(key) ?? ABSENT, target.seen.get(key) ?? ABSENT];
      if (ours.forms === theirs.forms) {
        this.#settle(watched, ours.bytes === theirs.bytes);
        continue;
      }
      const state = `${ours.forms} ${theirs.forms}`;
      if (state !== watched.state) Object.assign(watched, { state, since: now, asOf: source.time });
      const stood = now - watched.since >= settleMs;
      const isTimeUp = now - watched.firstAt >= limitMs;
      if ((stood && isApplied(watched, behind)) || isTimeUp) {
        if (stood) await this.#prove(watched, ours, theirs, now);
        else this.#decide(watched, 'changing');
        continue;
      }
      // Where much differs, it is not read again and again only to see it settle sooner.
      watched.dueAt = now + (this.#open.size > MANY ? Math.max(watched.delay, settleMs) : watched.delay);
      watched.delay = Math.min(watched.delay * 2, LONGEST_DELAY_MS);
    }
  }

  async #seen(
    reader: DocumentReader,
    namespace: string,
    ids: readonly RawElement[],
  ): Promise<{ readonly seen: ReadonlyMap<string, Seen>; readonly time: ClusterTime | null }> {
    const { sameness, signal } = this.#deps;
    return retry(
      async () => {
        const seen = new Map<string, Seen>();
        const time = await reader.find(namespace, ids, { signal, notBefore: undefined }, (document) => {
          const key = sameness.keyOf(documentId(document));
          const form = sameness.formOf(document);
          const bytes = hashOf(document);
          const one = { bytes, forms: form === document ? bytes : hashOf(form) };
          const other = seen.get(key);
          seen.set(key, other ? bothOf(one, other) : one);
        });
        return { seen, time };
      },
      DEFAULT_RETRY,
      { signal },
    );
  }

  async #prove(watched: Watched, ours: Seen, theirs: Seen, now: number): Promise<void> {
    const kind = theirs === ABSENT ? 'missing' : ours === ABSENT ? 'extra' : 'different';
    const ageMs = Math.round(now - watched.since);
    if (kind !== 'different' || this.differences.length >= this.#settings.detailLimit) {
      this.#decide(watched, kind, { ageMs, fields: [], ...(await this.#letterOf(watched)) });
      return;
    }
    const [source, target] = await this.#both(watched);
    const { isSame, formOf } = this.#deps.sameness;
    if (source && target?.equals(source)) this.#settle(watched, true);
    else if (source && target && isSame(source, target)) this.#settle(watched, false);
    else {
      const { fieldLimit } = this.#settings;
      const fields = source && target ? diffDocuments(formOf(source), formOf(target), fieldLimit) : [];
      this.#decide(watched, kind, { ageMs, fields, ...(await this.#letterOf(watched)) });
    }
  }

  async #letterOf({ namespace, id }: Watched): Promise<Pick<DocumentDifference, 'letter'>> {
    const letter = await this.#deps.letters?.of(namespace, id);
    return letter ? { letter: letter.number } : {};
  }

  async #both({ namespace, id }: Watched): Promise<[Buffer | undefined, Buffer | undefined]> {
    const { source, target, sameness, signal } = this.#deps;
    const options = { signal, notBefore: undefined, keyOf: sameness.keyOf };
    return [await readOne(source, namespace, id, options), await readOne(target, namespace, id, options)];
  }

  #settle(watched: Watched, inBytes: boolean): void {
    if (!inBytes) watched.findings.canonical++;
    this.#decide(watched, 'settled');
  }

  #decide(
    watched: Watched,
    as: Exclude<keyof Findings, 'canonical' | 'duplicates' | 'letters'>,
    detail: Pick<DocumentDifference, 'ageMs' | 'fields' | 'letter'> = { ageMs: null, fields: [] },
  ): void {
    const { namespace, id, findings } = watched;
    findings[as]++;
    if (detail.letter !== undefined) findings.letters++;
    const key = `${namespace}\0${this.#deps.sameness.keyOf(id)}`;
    this.#open.delete(key);
    if (as === 'settled') return;
    if (this.#named.size < OPEN_LIMIT) this.#named.add(hashOf(key));
    this.#name({ namespace, id: idText(id), kind: as, ...detail });
  }

  #name(difference: DocumentDifference): void {
    if (this.differences.length < this.#settings.detailLimit) this.differences.push(difference);
  }
}

/** Whether the state in which the source was seen should be on the target by now. */
function isApplied({ asOf }: Watched, behind: { readonly applied: ClusterTime | null } | null): boolean {
  if (behind === null || asOf === null) return true;
  return behind.applied !== null && behind.applied >= asOf;
}

function bothOf(one: Seen, other: Seen): Seen {
  const joined = (field: keyof Seen): string => [one[field], ...other[field].split(' ')].sort().join(' ');
  return { forms: joined('forms'), bytes: joined('bytes') };
}

function hashOf(content: Buffer | string): string {
  return createHash('sha256').update(content).digest('base64').slice(0, 24);
}

function idText(id: RawElement): string {
  const text = toCanonicalExtendedJson(buildDocument([['_id', id]]));
  return text.length > LONGEST_ID ? `${text.slice(0, LONGEST_ID)}…` : text;
}
