/**
 * Which segments there are, in 18 bytes each: a stream that has run for months has millions, and
 * their keys would fill the memory. A key is held as 53 bits of its SHA-256. Of ten million keys
 * one in a thousand million is taken for another: then an orphan counts as named (and is kept), or
 * a missing file of the same size as there (and `--deep` misses it).
 */
import { createHash } from 'node:crypto';

const FIRST_CAPACITY = 1024;
const MOST_FULL = 0.7;

const EMPTY = -1;

export class SegmentTable {
  #keys = new Float64Array(FIRST_CAPACITY).fill(EMPTY);
  #bytes = new Float64Array(FIRST_CAPACITY);
  #marked = new Uint8Array(FIRST_CAPACITY);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(key: string, bytes: number): void {
    if (this.#size >= this.#keys.length * MOST_FULL) this.#grow();
    this.#put(hashOf(key), bytes, 0);
  }

  has(key: string): boolean {
    return this.#keys[this.#find(hashOf(key))] !== EMPTY;
  }

  /** Size in bytes, or undefined where the key is not in the table. */
  bytesOf(key: string): number | undefined {
    const at = this.#find(hashOf(key));
    return this.#keys[at] === EMPTY ? undefined : this.#bytes[at];
  }

  /** False where it was marked before. The key must be in the table. */
  mark(key: string): boolean {
    const at = this.#find(hashOf(key));
    const isNew = this.#marked[at] === 0;
    this.#marked[at] = 1;
    return isNew;
  }

  isMarked(key: string): boolean {
    return this.#marked[this.#find(hashOf(key))] === 1;
  }

  /** The slot of the key, or the empty one where it would stand. */
  #find(hash: number): number {
    const { length } = this.#keys;
    let at = hash % length;
    while (this.#keys[at] !== EMPTY && this.#keys[at] !== hash) at = (at + 1) % length;
    return at;
  }

  #put(hash: number, bytes: number, marked: number): void {
    const at = this.#find(hash);
    if (this.#keys[at] === EMPTY) this.#size++;
    this.#keys[at] = hash;
    this.#bytes[at] = bytes;
    this.#marked[at] = marked;
  }

  #grow(): void {
    const [keys, bytes, marked] = [this.#keys, this.#bytes, this.#marked];
    const capacity = keys.length * 2;
    this.#keys = new Float64Array(capacity).fill(EMPTY);
    this.#bytes = new Float64Array(capacity);
    this.#marked = new Uint8Array(capacity);
    this.#size = 0;
    for (let at = 0; at < keys.length; at++) {
      if (keys[at] !== EMPTY) this.#put(keys[at]!, bytes[at]!, marked[at]!);
    }
  }
}

/** 53 bits: what a double holds exactly. */
function hashOf(key: string): number {
  const hash = createHash('sha256').update(key).digest();
  return hash.readUIntBE(0, 6) * 32 + (hash[6]! >> 3);
}
