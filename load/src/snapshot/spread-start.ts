import { abortable } from '@waybill/shared/base/lifecycle';
import type { SegmentEntry } from '@waybill/shared/manifest/commit';
import type { SegmentRuns } from './segment-runs.ts';
import { SpreadOrder } from './spread-order.ts';

/** Segments known and not started; with more of them the reading of the manifest waits. */
const WINDOW = 4096;
/** Segments chosen before their turn, so that they can be fetched. */
const AHEAD = 2;

export interface SpreadStartDeps {
  readonly runs: Pick<SegmentRuns, 'expect' | 'signal' | 'start'>;
  readonly keepsOrder: (namespace: string) => boolean;
}

/**
 * Starts segments in {@link SpreadOrder}. It gathers what the manifest has before it starts the
 * first one, and goes on taking in new ones while others are applied.
 */
export class SpreadStart {
  readonly #deps: SpreadStartDeps;
  readonly #order: SpreadOrder;
  readonly #chosen: SegmentEntry[] = [];
  #changed = Promise.withResolvers<void>();
  #isComplete = false;
  #isOver = false;
  #starting: Promise<void> | null = null;

  constructor(deps: SpreadStartDeps) {
    this.#deps = deps;
    this.#order = new SpreadOrder(deps.keepsOrder);
  }

  /** Waits while too many are known. */
  async add(segments: readonly SegmentEntry[]): Promise<void> {
    for (const segment of segments) this.#order.add(segment);
    this.#tell();
    while (this.#order.size > WINDOW) {
      this.begin();
      await abortable(this.#changed.promise, this.#deps.runs.signal);
    }
  }

  /** The manifest has no more for now. */
  begin(): void {
    this.#starting ??= this.#start();
    // Whoever finishes or settles learns of a failure.
    this.#starting.catch(() => undefined);
  }

  /** Resolves when all have been started. */
  async finish(): Promise<void> {
    this.#isComplete = true;
    this.begin();
    this.#tell();
    await this.#starting;
  }

  /** Starts nothing more, and waits for what it does. */
  async settle(): Promise<void> {
    this.#isOver = true;
    this.#tell();
    await this.#starting?.catch(() => undefined);
  }

  async #start(): Promise<void> {
    const { runs } = this.#deps;
    while (!this.#isOver) {
      const next = this.#choose();
      if (next) {
        await runs.start(next);
        this.#tell();
      } else if (this.#isComplete) return;
      else await abortable(this.#changed.promise, runs.signal);
    }
  }

  #choose(): SegmentEntry | undefined {
    while (this.#chosen.length < AHEAD) {
      const next = this.#order.take();
      if (!next) break;
      this.#deps.runs.expect(next);
      this.#chosen.push(next);
    }
    return this.#chosen.shift();
  }

  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
