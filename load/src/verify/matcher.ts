/**
 * Finds what two ordered readings of one collection do not share, without knowing the order: documents meet by the bytes
 * of their `_id`. Both sides come in the same order, so once a document has met its twin, all that stands unmet before it on
 * either side has none. Memory: the unmet run since the last meeting, bounded by `limit`; beyond that the run is given
 * up as suspects, and looking at each of them again by `_id` clears those that only lay far apart.
 */
import { createHash } from 'node:crypto';
import type { RawElement } from '@waybill/shared/bson/raw';
import { documentId } from '@waybill/shared/bson/statement';

/** A document that differs, as far as this reading tells. */
export interface Suspect {
  readonly id: RawElement;
}

type Side = 'source' | 'target';

interface Unmet {
  readonly id: RawElement;
  /** SHA-1 would do; the document itself is not kept. */
  readonly hash: string;
}

export class Matcher {
  readonly #limit: number;
  readonly #unmet: Record<Side, Map<string, Unmet>> = { source: new Map(), target: new Map() };
  #suspects: Suspect[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Takes the documents at the head of both readings that are the same, byte for byte, and says how many they were. */
  matchHeads(source: readonly Buffer[], target: readonly Buffer[]): number {
    if (this.#unmet.source.size > 0 || this.#unmet.target.size > 0) return 0;
    const most = Math.min(source.length, target.length);
    let same = 0;
    while (same < most && (source[same] as Buffer).equals(target[same] as Buffer)) same++;
    return same;
  }

  add(side: Side, document: Buffer): void {
    const id = documentId(document);
    const key = keyOf(id);
    const hash = createHash('sha256').update(document).digest('base64');
    const other = this.#unmet[side === 'source' ? 'target' : 'source'];
    const twin = other.get(key);
    if (!twin) {
      this.#unmet[side].set(key, { id: { type: id.type, bytes: Buffer.from(id.bytes) }, hash });
      if (this.#unmet.source.size + this.#unmet.target.size > this.#limit) this.#giveUp();
      return;
    }
    // What came before the twin on its side, and everything still unmet on this side, stands before the meeting.
    for (const [before, unmet] of other) {
      other.delete(before);
      if (before === key) break;
      this.#suspects.push({ id: unmet.id });
    }
    for (const unmet of this.#unmet[side].values()) this.#suspects.push({ id: unmet.id });
    this.#unmet[side].clear();
    if (twin.hash !== hash) this.#suspects.push({ id: twin.id });
  }

  /** The suspects found so far; they are forgotten here. */
  take(): Suspect[] {
    const taken = this.#suspects;
    this.#suspects = [];
    return taken;
  }

  /** Both readings are at their end: what is unmet has no twin. */
  finish(): Suspect[] {
    this.#giveUp();
    return this.take();
  }

  #giveUp(): void {
    for (const side of ['source', 'target'] as const) {
      for (const unmet of this.#unmet[side].values()) this.#suspects.push({ id: unmet.id });
      this.#unmet[side].clear();
    }
  }
}

export function keyOf(id: RawElement): string {
  return `${id.type}:${Buffer.from(id.bytes.buffer, id.bytes.byteOffset, id.bytes.byteLength).toString('latin1')}`;
}
