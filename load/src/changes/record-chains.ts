import { documentId } from '@waybill/shared/bson/statement';

/**
 * Which records each coalesced write stands for. Numbers in typed arrays: a record costs no object,
 * and nothing is compared before somebody asks.
 */
export class RecordChains {
  #sequences = new Float64Array(FIRST_SIZE);
  /** The earlier record of the same document; -1 for none. */
  #earlier = new Int32Array(FIRST_SIZE);
  #length = 0;
  /** Records that ask for no write: a later record carries their state. */
  readonly #bareSequences: number[] = [];
  readonly #bareKeys: Uint8Array[] = [];
  readonly #bareNamespaces: string[] = [];

  /** Adds a record behind the earlier one of its document, {@link NONE_EARLIER} for none. */
  add(sequence: number, earlier: number): number {
    if (this.#length === this.#sequences.length) this.#grow();
    const record = this.#length++;
    this.#sequences[record] = sequence;
    this.#earlier[record] = earlier;
    return record;
  }

  addBare(sequence: number, namespace: string, documentKey: Uint8Array): void {
    this.#bareSequences.push(sequence);
    this.#bareNamespaces.push(namespace);
    this.#bareKeys.push(documentKey);
  }

  /** Of the last record of a document, and of all before it. Oldest first. */
  sequencesOf(last: number, namespace: string, id: Uint8Array): number[] {
    const sequences: number[] = [];
    for (let at = last; at >= 0; at = this.#earlier[at]!) sequences.push(this.#sequences[at]!);
    const until = sequences[0] ?? 0;
    for (const [at, sequence] of this.#bareSequences.entries()) {
      const isOf = sequence < until && this.#bareNamespaces[at] === namespace;
      if (isOf && Buffer.compare(documentId(this.#bareKeys[at]!).bytes, id) === 0) sequences.push(sequence);
    }
    return sequences.sort((a, b) => a - b);
  }

  #grow(): void {
    const sequences = new Float64Array(this.#length * 2);
    const earlier = new Int32Array(this.#length * 2);
    sequences.set(this.#sequences);
    earlier.set(this.#earlier);
    this.#sequences = sequences;
    this.#earlier = earlier;
  }
}

export const NONE_EARLIER = -1;
const FIRST_SIZE = 256;
