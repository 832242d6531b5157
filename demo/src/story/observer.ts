import type { StatusCollector } from '@waybill/console/collect/collect';
import type { MilestoneStatus, Status } from '@waybill/console/model/shape';
import { hasCode } from '@waybill/shared/base/errors';
import { sleep } from '@waybill/shared/base/lifecycle';

const POLL_MS = 250;

/** Watches a migration from outside: it reads bucket and target, as anybody could. */
export class Observer {
  readonly #collector: StatusCollector;
  readonly #onMilestone: (milestone: MilestoneStatus) => void;
  #told = new Set<string>();
  #latest: Status | undefined;

  constructor(collector: StatusCollector, onMilestone: (milestone: MilestoneStatus) => void) {
    this.#collector = collector;
    this.#onMilestone = onMilestone;
  }

  get latest(): Status | undefined {
    return this.#latest;
  }

  /** Null while the stream does not exist yet. */
  async look(): Promise<Status | null> {
    try {
      const status = await this.#collector.collect();
      this.#latest = status;
      for (const milestone of status.milestones) this.#tell(milestone);
      return status;
    } catch (error) {
      if (hasCode(error, 'STREAM_MISSING')) return null;
      throw error;
    }
  }

  /** Looks until `done` holds. */
  async until(done: (status: Status) => boolean, signal: AbortSignal): Promise<Status> {
    for (;;) {
      const status = await this.look();
      if (status && done(status)) return status;
      await sleep(POLL_MS, signal);
    }
  }

  has(of: MilestoneStatus['of'], name: MilestoneStatus['name']): boolean {
    return this.#latest?.milestones.some((each) => each.of === of && each.name === name) ?? false;
  }

  #tell(milestone: MilestoneStatus): void {
    const key = `${milestone.of} ${milestone.name} ${milestone.at}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.#onMilestone(milestone);
  }
}
