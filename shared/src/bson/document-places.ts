import { eachDocument } from './raw.ts';

/** One document among others: bytes `start` to `end` of `source`. */
export interface DocumentPlace {
  readonly source: Buffer;
  readonly start: number;
  readonly end: number;
}

/**
 * Documents as places in the bytes that hold them all. Slices are rejected here: for millions of
 * documents, the engine works more to make and collect the slices than to copy the bytes.
 */
export class DocumentPlaces {
  readonly source: Buffer;
  readonly count: number;
  /** The size of all the documents together. */
  readonly bytes: number;
  /** The start and end of each document in turn. */
  readonly #bounds: readonly number[];
  readonly #first: number;

  private constructor(source: Buffer, bounds: readonly number[], first: number) {
    this.source = source;
    this.#bounds = bounds;
    this.#first = first;
    this.count = bounds.length / 2 - first;
    let bytes = 0;
    for (let at = 2 * first; at < bounds.length; at += 2) bytes += bounds[at + 1]! - bounds[at]!;
    this.bytes = bytes;
  }

  /**
   * Takes the items of a raw BSON array of documents. Throws DOCUMENT_INVALID if an item is not a
   * document.
   */
  static ofArray(array: Buffer): DocumentPlaces {
    const bounds: number[] = [];
    eachDocument(array, (start, end) => {
      bounds.push(start, end);
    });
    return new DocumentPlaces(array, bounds, 0);
  }

  start(index: number): number {
    return this.#bounds[2 * (this.#first + index)]!;
  }

  end(index: number): number {
    return this.#bounds[2 * (this.#first + index) + 1]!;
  }

  /** Returns one document as a slice. */
  at(index: number): Buffer {
    return this.source.subarray(this.start(index), this.end(index));
  }

  /** Returns all documents but the first `count`. */
  after(count: number): DocumentPlaces {
    return count === 0 ? this : new DocumentPlaces(this.source, this.#bounds, this.#first + count);
  }

  /** Returns all documents as slices. */
  toArray(): Buffer[] {
    return Array.from({ length: this.count }, (_, index) => this.at(index));
  }
}
