import type { Milestone } from '@waybill/shared/manifest/commit';
import type { LaneCursor } from '../progress/progress.ts';

/** A place in the stream that somebody waits for. */
export interface Mark {
  readonly kind: 'caught-up' | 'drained' | 'closed' | 'moment';
  /** Reached with the cursor at this commit. */
  readonly seq: number;
  /** The stream's milestone, where it is one. */
  readonly milestone: Milestone | undefined;
}

/** Marks that are still to be reached. */
export class Marks {
  readonly #reached: (mark: Mark, cursor: LaneCursor) => Promise<boolean>;
  #open: Mark[] = [];
  #endedBy: Mark['kind'] | null = null;

  constructor(reached: (mark: Mark, cursor: LaneCursor) => Promise<boolean>) {
    this.#reached = reached;
  }

  /** The mark that ended the phase. */
  get endedBy(): Mark['kind'] | null {
    return this.#endedBy;
  }

  get isEmpty(): boolean {
    return this.#open.length === 0;
  }

  add(kind: Mark['kind'], seq: number, milestone?: Milestone): void {
    this.#open.push({ kind, seq, milestone });
  }

  /** Tells of every mark that the cursor has reached. True where one of them ends the phase. */
  async check(cursor: LaneCursor): Promise<boolean> {
    while (this.#endedBy === null) {
      const index = this.#open.findIndex(({ seq }) => seq <= cursor.seq);
      if (index < 0) return false;
      const [mark] = this.#open.splice(index, 1) as [Mark];
      if (await this.#reached(mark, cursor)) this.#endedBy = mark.kind;
    }
    return true;
  }
}
