/**
 * Writes that a unique index of the target refused although the load does not own that index. On
 * the source the two documents had the key one after the other. On the target lanes write in any
 * order, a repeated window meets later states, and an image may be later than its event. So such a
 * write is put aside, and tried again when every lane is through its window:
 *
 *   lane a   X takes key k: refused, aside      a newer state of X replaces what is aside
 *   lane b   …  Y gives k up                    all lanes through: X is tried again
 *
 * Nobody waits in a lane, so lanes cannot wait for each other. The cursor waits, and for a bounded
 * time. Windows behind it may be applied meanwhile: a later change of either document ends the
 * conflict. What is still refused then goes to the policy, like any refused write.
 *
 * Two documents that have exchanged their keys refuse each other for ever. So all that conflict in
 * one index are deleted once, and written together.
 */
import { throwIfAborted } from '@waybill/shared/base/lifecycle';
import type { Logger } from '@waybill/shared/base/logger';
import { Retries } from '@waybill/shared/base/retry';
import type { LoadStats } from '@waybill/shared/base/stats';
import { documentId } from '@waybill/shared/bson/statement';
import { SERVER_CODES } from '@waybill/shared/mongo/driver/server-codes';
import type { Batch, Write, WriteScope } from '../apply/batch.ts';
import type { Refusal, RefusalPolicy } from '../apply/refusal.ts';
import type { DocumentWriter } from '../apply/writer.ts';
import { keyOfId } from '../letters/letter.ts';

export interface ConflictsDeps {
  readonly writer: Pick<DocumentWriter, 'remove' | 'upsert'>;
  readonly letters: {
    watching(batch: Batch, write: () => Promise<readonly Refusal[]>): Promise<readonly Refusal[]>;
  };
  /** Decides about what is still refused in the end. */
  readonly onRefused: RefusalPolicy;
  readonly stats: LoadStats;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

interface Aside {
  readonly scope: WriteScope;
  /** Of its window: it is tried again when every lane is through. */
  readonly window: number;
  refusal: Refusal;
}

/** More than these are not put aside: memory is bounded. */
const MOST = 10_000;
const MOST_BYTES = 16 << 20;

export class Conflicts {
  readonly #deps: ConflictsDeps;
  readonly #aside = new Map<string, Aside>();
  #bytes = 0;
  /** A retry under way: until its end nobody may write these documents. */
  #trying: Promise<unknown> | null = null;
  #arrival = Promise.withResolvers<void>();

  constructor(deps: ConflictsDeps) {
    this.#deps = deps;
  }

  get isEmpty(): boolean {
    return this.#aside.size === 0;
  }

  /** Fulfilled when something is put aside. */
  get arrival(): Promise<void> {
    return this.#arrival.promise;
  }

  /** Puts conflicts of the window aside, and returns the other refusals. */
  take(scope: WriteScope, refusals: readonly Refusal[], window: number): readonly Refusal[] {
    if (scope.keepsOrder) return refusals;
    return refusals.filter((refusal) => {
      if (!isConflict(refusal) || this.#aside.size >= MOST || this.#bytes >= MOST_BYTES) return true;
      this.#put(keyOf(scope, refusal), { scope, window, refusal: copyOf(refusal) });
      this.#count(refusal, 'met');
      return false;
    });
  }

  /**
   * Comes before a batch is written, unless nothing {@link isEmpty}: newer states of documents
   * replace what is aside of them.
   */
  async supersede({ scope, writes }: Pick<Batch, 'scope' | 'writes'>): Promise<void> {
    while (this.#trying) await this.#trying.catch(() => undefined);
    for (const write of writes) this.#drop(keyOf(scope, write));
  }

  /**
   * Comes when every lane is through the window, before the cursor passes it. Tries again for so
   * long; then the policy decides. @throws what the policy throws, the signal's reason
   */
  async settle(window: number, withinMs: number): Promise<void> {
    const { signal, onRefused, logger } = this.#deps;
    const policy = { initialMs: 50, maxMs: 1000, factor: 2, jitter: 0.5, maxAttempts: 30 };
    const retries = new Retries({ ...policy, maxElapsedMs: withinMs }, { signal, retryable: () => true });
    for (let attempt = 1; this.#upTo(window).length > 0; attempt++) {
      await this.#tryAgain(window, attempt === 1);
      const [first] = this.#upTo(window);
      if (!first) break;
      const { namespace, indexName } = first.refusal;
      logger.warnThrottled('a unique index of the target keeps documents out; waiting for later changes', {
        namespace,
        index: indexName,
        documents: this.#aside.size,
      });
      const mayGoOn = await retries.failed(new Error('still refused')).then(
        () => true,
        () => false,
      );
      throwIfAborted(signal);
      if (mayGoOn) continue;
      const left = this.#upTo(window).map(({ scope, refusal }) => {
        this.#drop(keyOf(scope, refusal));
        this.#count(refusal, 'refused');
        return refusal;
      });
      if (left.length > 0) await onRefused(left);
    }
  }

  #upTo(window: number): Aside[] {
    return [...this.#aside.values()].filter((each) => each.window <= window);
  }

  async #tryAgain(window: number, exchanges: boolean): Promise<void> {
    const trying = this.#writeAll(this.#upTo(window), exchanges);
    this.#trying = trying;
    try {
      await trying;
    } finally {
      this.#trying = null;
    }
  }

  async #writeAll(all: readonly Aside[], exchanges: boolean): Promise<void> {
    for (const entries of byCollection(all)) {
      const left = await this.#write(entries);
      if (!exchanges || left.length < 2) continue;
      const batch = batchOf(left);
      const undeleted = await this.#deps.writer.remove(batch);
      if (undeleted.length === 0) await this.#write(left);
    }
  }

  /** Returns those that are still in conflict. */
  async #write(entries: readonly Aside[]): Promise<readonly Aside[]> {
    const { writer, letters, onRefused } = this.#deps;
    const batch = batchOf(entries);
    const refusals = await letters.watching(batch, () => writer.upsert(batch));
    const refused = new Map(refusals.map((refusal) => [keyOf(batch.scope, refusal), refusal]));
    const left: Aside[] = [];
    const others: Refusal[] = [];
    for (const entry of entries) {
      const key = keyOf(entry.scope, entry.refusal);
      const again = refused.get(key);
      if (again && isConflict(again)) {
        entry.refusal = { ...again, attempts: entry.refusal.attempts + again.attempts };
        left.push(entry);
        continue;
      }
      this.#drop(key);
      this.#count(entry.refusal, again ? 'refused' : 'solved');
      if (again) others.push(again);
    }
    if (others.length > 0) await onRefused(others);
    return left;
  }

  #put(key: string, entry: Aside): void {
    this.#drop(key);
    this.#aside.set(key, entry);
    this.#bytes += entry.refusal.document?.length ?? 0;
    this.#arrival.resolve();
  }

  #drop(key: string): void {
    const entry = this.#aside.get(key);
    if (!entry) return;
    this.#aside.delete(key);
    this.#bytes -= entry.refusal.document?.length ?? 0;
    if (this.isEmpty) this.#arrival = Promise.withResolvers<void>();
  }

  #count({ namespace, indexName = '' }: Refusal, what: 'met' | 'refused' | 'solved'): void {
    const { conflicts } = this.#deps.stats.trouble;
    const key = `${namespace} ${indexName}`;
    const known = conflicts.get(key) ?? { namespace, index: indexName, met: 0, solved: 0, refused: 0 };
    conflicts.set(key, { ...known, [what]: known[what] + 1 });
  }
}

/** A unique index other than that of the `_id` refused a document. */
function isConflict({ code, document, indexName }: Refusal): boolean {
  const isElsewhere = indexName !== undefined && indexName !== '_id_';
  return code === SERVER_CODES.DuplicateKey && document !== null && isElsewhere;
}

/** Its bytes may be a slice of a large block. */
function copyOf(refusal: Refusal): Refusal {
  const document = Buffer.from(refusal.document!);
  return { ...refusal, document, id: documentId(document) };
}

function keyOf({ namespace }: WriteScope, { id }: Pick<Write, 'id'>): string {
  return `${namespace} ${keyOfId(id)}`;
}

function byCollection(entries: readonly Aside[]): Iterable<Aside[]> {
  const groups = new Map<string, Aside[]>();
  for (const entry of entries) {
    const { namespace } = entry.scope;
    const group = groups.get(namespace);
    if (group) group.push(entry);
    else groups.set(namespace, [entry]);
  }
  return groups.values();
}

function batchOf(entries: readonly Aside[]): Batch {
  const writes = entries.map(({ refusal: { id, document } }, record): Write => ({ id, document, record }));
  const origin = { placesOf: ({ record }: Write) => entries[record]!.refusal.places };
  return { scope: entries[0]!.scope, writes, origin };
}
