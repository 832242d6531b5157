/**
 * Reads one `_id` range on both sides at once, and finds what differs. Two batches of each side are
 * in memory.
 *
 * Both sides come in the same order, which this code need not know (it may be a collation's). While
 * the documents at the front have the same `_id`, they are twins. Otherwise each side is asked for
 * the next ids of the other: what it lacks is a suspect, and the rest meets again. So a run of
 * missing documents of any length costs one lookup by `_id` per thousand, every difference is named
 * once, and memory does not grow. Rejected: remembering unmet documents until they meet. A long run
 * outgrows any bound, and what is forgotten is counted twice.
 */

import type { ClusterTime } from '@waybill/shared/base/position';
import type { RawElement } from '@waybill/shared/bson/raw';
import { documentId } from '@waybill/shared/bson/statement';
import type { Range } from '@waybill/shared/mongo/read/range-plan';
import type { DocumentReader, RangeOptions } from '../reading/document-reader.ts';
import { existing, idsAtOnce, type LookupOptions } from './lookup.ts';
import type { Sameness } from './sameness.ts';
import { Side } from './side.ts';

export interface Pair {
  readonly source: DocumentReader;
  readonly target: DocumentReader;
}

/**
 * Each side is read as of that time or later: otherwise a majority read may lag behind acknowledged
 * writes.
 */
export interface ReadFrom {
  readonly source: ClusterTime | undefined;
  readonly target: ClusterTime | undefined;
}

export interface Counts {
  sourceDocuments: number;
  targetDocuments: number;
  bytes: number;
  /** The same in the target's form, and not in bytes. */
  canonical: number;
}

const NOTHING: Readonly<Counts> = { sourceDocuments: 0, targetDocuments: 0, bytes: 0, canonical: 0 };

export interface CompareOptions {
  readonly range: Range;
  readonly notBefore: ReadFrom;
  readonly sameness: Sameness;
  /** Capped collections: in the order of insertion, which is compared with the documents. */
  readonly natural: boolean;
  readonly signal: AbortSignal;
  /** Called with what was read since the last call. */
  readonly onProgress: (counts: Readonly<Counts>) => void;
  /**
   * Takes ids of documents that differ as far as this reading tells. Awaited, so that they do not
   * pile up.
   */
  readonly onSuspects: (ids: RawElement[]) => Promise<void>;
  /**
   * Takes ids that one side brought twice: of two documents on different shards, or of one that
   * moves.
   */
  readonly onRepeated: (side: keyof Pair, ids: RawElement[]) => Promise<void>;
}

const BATCH_BYTES = 4 * 1024 * 1024;
/** How far to look ahead for a document that stands in another place on the other side. */
const LOOK_AHEAD = 1000;

export async function compareRange(pair: Pair, namespace: string, options: CompareOptions): Promise<void> {
  const { range, natural, notBefore, signal } = options;
  const reading: RangeOptions = { ...range, natural, signal, batchBytes: BATCH_BYTES };
  const source = new Side(pair.source, namespace, { ...reading, notBefore: notBefore.source });
  const target = new Side(pair.target, namespace, { ...reading, notBefore: notBefore.target });
  const comparison = new RangeComparison(pair, namespace, options, source, target);
  try {
    for (;;) {
      await Promise.all([source.fill(), target.fill()]);
      await comparison.tellRepeated();
      if (source.isDone && target.isDone) break;
      await comparison.step();
    }
  } finally {
    await Promise.all([source.close(), target.close()]);
  }
}

class RangeComparison {
  readonly #pair: Pair;
  readonly #namespace: string;
  readonly #options: CompareOptions;
  readonly #source: Side;
  readonly #target: Side;
  #suspects: RawElement[] = [];
  #counts: Counts = { ...NOTHING };

  constructor(pair: Pair, namespace: string, options: CompareOptions, source: Side, target: Side) {
    this.#pair = pair;
    this.#namespace = namespace;
    this.#options = options;
    this.#source = source;
    this.#target = target;
  }

  /** Takes at least one document off. */
  async step(): Promise<void> {
    if (this.#takeTwins() === 0 && !(await this.#siftUnknown())) this.#resynchronise();
    const [counts, suspects] = [this.#counts, this.#suspects];
    this.#counts = { ...NOTHING };
    this.#suspects = [];
    this.#options.onProgress(counts);
    if (suspects.length > 0) await this.#options.onSuspects(suspects);
  }

  async tellRepeated(): Promise<void> {
    for (const [side, ids] of [
      ['source', this.#source.takeRepeated()],
      ['target', this.#target.takeRepeated()],
    ] as const) {
      if (ids.length > 0) await this.#options.onRepeated(side, ids);
    }
  }

  /**
   * Goes on while both fronts have the same `_id`. Equal documents have equal ids, so they cost one
   * comparison.
   */
  #takeTwins(): number {
    const { keyOf, isSame } = this.#options.sameness;
    const most = Math.min(this.#source.size, this.#target.size);
    let twins = 0;
    for (; twins < most; twins++) {
      const document = this.#source.document(twins);
      const theirs = this.#target.document(twins);
      if (document.equals(theirs)) continue;
      if (isSame(document, theirs)) {
        this.#counts.canonical++;
        continue;
      }
      if (keyOf(this.#source.id(twins)) !== keyOf(this.#target.id(twins))) break;
      this.#suspect(document);
    }
    this.#take(twins, twins);
    return twins;
  }

  /**
   * Asks each side for what the other has at the front. False where all of that was known already.
   */
  async #siftUnknown(): Promise<boolean> {
    const { notBefore, sameness, signal } = this.#options;
    const { keyOf } = sameness;
    const asked = await Promise.all([
      this.#sift(this.#source, this.#pair.target, { notBefore: notBefore.target, keyOf, signal }),
      this.#sift(this.#target, this.#pair.source, { notBefore: notBefore.source, keyOf, signal }),
    ]);
    const [missing, extra] = asked;
    for (const document of missing ?? []) {
      this.#suspect(document);
      this.#counts.bytes += document.length;
    }
    for (const document of extra ?? []) this.#suspect(document);
    this.#counts.sourceDocuments += missing?.length ?? 0;
    this.#counts.targetDocuments += extra?.length ?? 0;
    return asked.some((each) => each !== null);
  }

  async #sift(side: Side, other: DocumentReader, options: LookupOptions): Promise<Buffer[] | null> {
    if (side.size === 0 || side.known > 0) return null;
    const { keyOf } = this.#options.sameness;
    const count = idsAtOnce(side.size, (index) => side.id(index));
    const ids = Array.from({ length: count }, (_, index) => side.id(index));
    const there = await existing(other, this.#namespace, ids, options);
    return side.sift(count, (document) => there.has(keyOf(documentId(document))));
  }

  /**
   * Both fronts are on the other side too, but not here: one of them came or went while we read, or
   * the order differs. Goes on where the fronts meet soonest. What stands before that is looked up
   * again by `_id`.
   */
  #resynchronise(): void {
    const [source, target] = [this.#source, this.#target];
    const { keyOf } = this.#options.sameness;
    const inSource = target.size > 0 ? distanceTo(source, target.id(), keyOf) : null;
    const inTarget = source.size > 0 ? distanceTo(target, source.id(), keyOf) : null;
    if (inSource !== null && (inTarget === null || inSource <= inTarget)) this.#giveUp(inSource, 0);
    else if (inTarget !== null) this.#giveUp(0, inTarget);
    else this.#giveUp(source.known, target.known);
  }

  #giveUp(ofSource: number, ofTarget: number): void {
    for (let index = 0; index < ofSource; index++) this.#suspect(this.#source.document(index));
    for (let index = 0; index < ofTarget; index++) this.#suspect(this.#target.document(index));
    this.#take(ofSource, ofTarget);
  }

  #take(ofSource: number, ofTarget: number): void {
    this.#counts.bytes += this.#source.take(ofSource);
    this.#target.take(ofTarget);
    this.#counts.sourceDocuments += ofSource;
    this.#counts.targetDocuments += ofTarget;
  }

  #suspect(document: Buffer): void {
    const { type, bytes } = documentId(document);
    // A copy: a slice would keep its whole reply alive.
    this.#suspects.push({ type, bytes: Buffer.from(bytes) });
  }
}

function distanceTo(side: Side, id: RawElement, keyOf: Sameness['keyOf']): number | null {
  const key = keyOf(id);
  const most = Math.min(side.size, LOOK_AHEAD);
  for (let index = 0; index < most; index++) if (keyOf(side.id(index)) === key) return index;
  return null;
}
