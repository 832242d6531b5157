/**
 * Dead letters of a load that this process owns.
 *
 *   refused ── in the queue ── file ── commit in the load's log ── cursor or finished segment
 *   write of a document with an open letter: letter closed ── file ── commit ── written
 *
 * 1. A letter counts when a commit names its file. No cursor and no finished segment passes a
 *    refused record before that (INV-6). A crash in between repeats the record: it is refused
 *    again, or applied.
 * 2. A letter is closed before a later record of its document is written. So while it is open, the
 *    target has no later state of the document, whoever looks and whatever has crashed. A crash
 *    behind the close repeats the later record, since no cursor has passed it.
 * 3. A record repeated after a crash closes no letter of a later one, and its own letter is
 *    recognised by its place.
 * 4. A dropped collection takes its letters with it, a renamed one carries them along.
 *
 * Many letters go in one file. Without open letters and refusals all this does nothing.
 */
import { WaybillError } from '@waybill/shared/base/errors';
import type { Logger } from '@waybill/shared/base/logger';
import type { LoadStats } from '@waybill/shared/base/stats';
import type { RawElement } from '@waybill/shared/bson/raw';
import { documentId } from '@waybill/shared/bson/statement';
import type { LetterEnd } from '@waybill/shared/manifest/dead-letter-file';
import type { Batch, DocumentBatch, Write } from '../apply/batch.ts';
import { type Refusal, refusedError } from '../apply/refusal.ts';
import { compareRecords, hashOfId, type IndexLine, keyOfId, type Letter, letterPlace } from './letter.ts';
import type { OpenLetters } from './open-letters.ts';
import { WriteQueue, type WriteQueueDeps } from './write-queue.ts';

export interface DeadLettersDeps extends WriteQueueDeps {
  /** The most letters that may be open. */
  readonly most: number;
  readonly load: string;
  readonly stats: LoadStats;
  readonly logger: Logger;
}

export class DeadLetters {
  readonly #deps: DeadLettersDeps;
  readonly #open: OpenLetters;
  readonly #queue: WriteQueue;
  #last: number;

  /** `last`: the number of the last letter so far. */
  constructor(deps: DeadLettersDeps, open: OpenLetters, last: number) {
    this.#deps = deps;
    this.#open = open;
    this.#last = last;
    this.#queue = new WriteQueue(deps, last);
    deps.stats.deadLettersOpen = open.size;
  }

  get open(): OpenLetters {
    return this.#open;
  }

  /** Fulfilled when everything so far is in the load's log. */
  flush(): Promise<void> {
    return this.#queue.flush();
  }

  /** Waits for what is under way. Never rejects. */
  settle(): Promise<void> {
    return this.#queue.settle();
  }

  /**
   * Puts refused records aside.
   * @throws TARGET_REFUSED_DOCUMENT where no letter may be open, LOAD_DEAD_LETTERS_FULL
   */
  async refused(refusals: readonly Refusal[]): Promise<void> {
    for (const refusal of refusals) this.#put(refusal);
    if (this.#queue.isFull) await this.flush();
  }

  /** Whether the target may lack the document, since a record of it was refused. */
  mayLack(namespace: string, id: RawElement): boolean {
    return this.#open.size > 0 && this.#open.of(namespace, id) !== undefined;
  }

  /** Writes a batch, and closes the letters of its documents first. */
  async watching(
    batch: Batch | DocumentBatch,
    write: () => Promise<readonly Refusal[]>,
  ): Promise<readonly Refusal[]> {
    if (this.#open.size === 0 || !this.#open.has(batch.scope.namespace)) return write();
    const repeated = await this.#meet(batch);
    const refusals = await write();
    if (repeated.length === 0) return refusals;
    const refused = new Set(refusals.map(({ id }) => keyOfId(id)));
    for (const { number, key } of repeated) if (!refused.has(key)) this.close(number, 'retried');
    return refusals;
  }

  /** To be called before the collection is dropped on the target. */
  async dropped(namespace: string): Promise<void> {
    if (!this.#open.has(namespace)) return;
    this.#take({ dropped: namespace });
    await this.flush();
  }

  /** To be called when the collection has its new name on the target. */
  async renamed(from: string, to: string): Promise<void> {
    if (!this.#open.has(from)) return;
    this.#take({ renamed: from, to });
    await this.flush();
  }

  close(number: number, as: LetterEnd): void {
    this.#take({ closed: number, as });
  }

  /** Returns the letters whose own record is in the batch: a crash repeats it. */
  async #meet(batch: Batch | DocumentBatch): Promise<Letter[]> {
    const { origin } = batch;
    const { namespace, source } = batch.scope;
    const repeated: Letter[] = [];
    let hasClosed = false;
    for (const write of writesOf(batch)) {
      const letter = this.#open.of(namespace, write.id);
      const place = letter && origin.placesOf(write, source).at(-1);
      if (!letter || !place) continue;
      const order = compareRecords(letterPlace(place), letter.place);
      if (order === 'same') repeated.push(letter);
      if (order !== 'later') continue;
      this.close(letter.number, write.document === null ? 'deleted' : 'superseded');
      hasClosed = true;
    }
    if (hasClosed) await this.flush();
    return repeated;
  }

  #put(refusal: Refusal): void {
    const { namespace, id, places } = refusal;
    const record = places.at(-1);
    if (!record) throw refusedError(refusal);
    const place = letterPlace(record);
    const open = this.#open.of(namespace, id);
    if (open) {
      if (compareRecords(place, open.place) !== 'later') return;
      this.close(open.number, 'superseded');
    } else if (this.#open.size >= this.#deps.most) {
      throw this.#deps.most === 0 ? refusedError(refusal) : this.#full(refusal);
    }
    const letter: Letter = {
      number: ++this.#last,
      namespace,
      source: refusal.source,
      hash: hashOfId(id),
      key: keyOfId(id),
      kind: refusal.kind,
      by: refusal.by,
      rule: refusal.rule,
      code: refusal.code ?? null,
      reason: refusal.reason,
      attempts: refusal.attempts,
      place,
      records: places.length,
      at: new Date().toISOString(),
      epoch: this.#deps.epoch,
    };
    this.#queue.add({ letter: { line: { letter }, ends: [] }, record, document: refusal.document });
    this.#apply({ letter });
    const { logger, stats } = this.#deps;
    const { deadLettersWritten: written } = stats;
    written.set(letter.rule, (written.get(letter.rule) ?? 0) + 1);
    const { rule, reason } = letter;
    logger.warnThrottled('a record that the target refused is put aside', { namespace, rule, reason });
  }

  #take(line: IndexLine): void {
    const ends = this.#apply(line).map(({ letter: { rule }, as }) => ({ rule, as }));
    this.#queue.add({ line, ends });
  }

  #apply(line: IndexLine): ReturnType<OpenLetters['apply']> {
    const ended = this.#open.apply(line);
    this.#deps.stats.deadLettersOpen = this.#open.size;
    return ended;
  }

  #full(refusal: Refusal): WaybillError {
    const { most, load } = this.#deps;
    const cause = refusedError(refusal);
    return new WaybillError(
      'LOAD_DEAD_LETTERS_FULL',
      `load ${load} has ${most} open dead letters, the most that it may have, and ${cause.message}`,
      {
        hint: `waybill dead-letters list shows why the target refuses documents. Remove the reason there and use waybill dead-letters retry, or run the same command again with a higher --max-dead-letters: it goes on at this record.`,
        context: { ...cause.context, load, open: most },
        cause,
      },
    );
  }
}

function* writesOf(batch: Batch | DocumentBatch): Generator<Write> {
  if ('writes' in batch) {
    yield* batch.writes;
    return;
  }
  for (const [index, document] of batch.documents.entries()) {
    const id: RawElement = documentId(document);
    yield { id, document, record: batch.first + index };
  }
}
