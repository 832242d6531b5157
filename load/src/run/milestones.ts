import { interrupted } from '@waybill/shared/base/lifecycle';
import type { Milestone } from '@waybill/shared/manifest/commit';
import { hasReached, type LoadLog } from '../progress/load-log.ts';
import type { LaneCursor } from '../progress/progress.ts';
import type { NamedIndex } from '../structure/context.ts';

/** The milestones that a load records in its own log, and the cutover that may come there first. */
export class LoadMilestones {
  readonly #log: LoadLog;
  /** How far the load is; null before the changes. Every milestone carries it. */
  cursor: LaneCursor | null = null;

  constructor(log: LoadLog) {
    this.#log = log;
  }

  get isCutOver(): boolean {
    return this.#log.latest('cutover') !== undefined;
  }

  /**
   * Records a milestone of the load as a whole. A crash may come between the fact and its
   * milestone; the next run then records it.
   */
  async recordOnce(
    name: 'indexes-built' | 'load-started' | 'snapshot-applied',
    evidence: Milestone['evidence'],
  ): Promise<void> {
    if (hasReached(this.#log.state, name)) return;
    await this.#log.record(name, this.cursor, evidence);
  }

  async recordCaughtUp(): Promise<void> {
    await this.#log.record('caught-up', this.cursor);
  }

  /** With the stream's own time: whoever waits for a drain must know which one this is. */
  async recordDrained(drained: Milestone | undefined): Promise<void> {
    const streamTime = drained?.clusterTime ?? null;
    if (this.#log.latest('drained')?.evidence?.streamClusterTime === streamTime) return;
    await this.#log.record('drained', this.cursor, { streamClusterTime: streamTime });
  }

  /**
   * Before an index is held back again. A cutover that was recorded first has proven the index: it
   * stays, and the load ends as at any cutover.
   */
  async recordHeldBack({ namespace, index }: NamedIndex): Promise<void> {
    await this.#log.record('indexes-built', this.cursor, { heldBackAgain: true, namespace, index });
    if (this.isCutOver) throw interrupted('the load has been cut over');
  }
}
