import type { Origin, Write } from '../apply/batch.ts';
import type { ChangePlace } from '../apply/refusal.ts';
import type { Coalescer } from './coalesce.ts';
import type { WindowSegment } from './window.ts';

/** Tells which changes of a lane a write stands for, and which segments hold them. */
export class ChangeOrigin implements Origin {
  readonly #lane: number;
  readonly #changes: Coalescer;
  readonly #segments: readonly WindowSegment[];

  constructor(lane: number, changes: Coalescer, segments: readonly WindowSegment[]) {
    this.#lane = lane;
    this.#changes = changes;
    this.#segments = segments;
  }

  placesOf(write: Write, namespace: string): readonly ChangePlace[] {
    return this.#changes
      .sequencesOf(write, namespace)
      .map((sequence) => ({ ...this.#segmentOf(sequence), lane: this.#lane, sequence }));
  }

  #segmentOf(sequence: number): Pick<ChangePlace, 'entry' | 'segment'> {
    const holder = this.#segments.findLast(({ entry }) => (entry.firstSequence ?? 0) <= sequence);
    return holder ? { segment: holder.entry.key, entry: holder.entry } : { segment: '' };
  }
}
