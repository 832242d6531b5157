import type { Change } from './change.ts';
import { hasId, isSameDocument } from './documents.ts';

/**
 * Changes by document. It works with their hashes and makes no keys. Its size is fixed from the
 * start.
 */
export class DocumentTable {
  readonly #slots: Int32Array;
  readonly #mask: number;
  readonly #changes: Change[] = [];

  /** @param most how many changes may be added */
  constructor(most: number) {
    const size = 2 ** Math.ceil(Math.log2(Math.max(8, most * 2)));
    this.#slots = new Int32Array(size);
    this.#mask = size - 1;
  }

  /** False if there is a change of the same document already, which then stays. */
  add(change: Change): boolean {
    let slot = spread(change.hash) & this.#mask;
    for (;;) {
      const at = this.#slots[slot]!;
      if (at === 0) break;
      if (isSameDocument(this.#changes[at - 1]!, change)) return false;
      slot = (slot + 1) & this.#mask;
    }
    this.#slots[slot] = this.#changes.push(change);
    return true;
  }

  /** The change of that hash and `_id`, which is the value in `b` from `start` to `end`. */
  find(hash: number, type: number, b: Uint8Array, start: number, end: number): Change | undefined {
    let slot = spread(hash) & this.#mask;
    for (;;) {
      const at = this.#slots[slot]!;
      if (at === 0) return undefined;
      const change = this.#changes[at - 1]!;
      if (change.hash === hash && hasId(change, type, b, start, end)) return change;
      slot = (slot + 1) & this.#mask;
    }
  }
}

/** Needed because the low bits of a hash depend only on the low bits of its input. */
function spread(hash: number): number {
  return hash ^ (hash >>> 15) ^ (hash >>> 7);
}
