/**
 * Numbers that look random. The same seed gives the same numbers, so a failing run can be repeated.
 */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 inclusive to 1 exclusive. */
  next(): number {
    // A Weyl sequence with a mixing step: small, and good enough to choose documents with.
    this.#state = (this.#state + 0x9e37_79b9) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0_aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a_2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  }

  /** 0 to `below` - 1. */
  int(below: number): number {
    return Math.floor(this.next() * below);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(list: readonly T[]): T {
    const picked = list[this.int(list.length)];
    if (picked === undefined) throw new RangeError('pick from an empty list');
    return picked;
  }

  words(count: number): string {
    return Array.from({ length: count }, () => this.pick(WORDS)).join(' ');
  }
}

const WORDS: readonly string[] = (
  'amber anchor apple arrow autumn basket beacon blanket bottle bridge bright bronze candle canvas cedar chair cloud ' +
  'copper cotton crystal desert double dragon dream eagle early ember engine evening fabric falcon feather fine fire ' +
  'forest garden gentle glass gold granite green harbor hazel honey island ivory jacket journey kettle lantern leather ' +
  'light linen maple marble meadow midnight mirror mountain needle noble ocean olive orange paper pearl pepper pine ' +
  'planet pocket quiet rain river rough saddle salt sand shadow silver simple small smooth spring stone storm summer ' +
  'thunder timber tower travel velvet violet walnut warm water willow window winter wooden woven yellow'
).split(' ');
