/**
 * What a load has learnt of its target while it ran: how much one command may hold, and what the
 * target lacks although its profile and the probes say otherwise. It is kept with the load's
 * progress, so the next start need not learn it again. A new load begins with none.
 */
import type { ProgressDocument, ProgressStore, ProgressValue } from './progress-store.ts';

/** How much one command may hold. */
export type LearntLimit = 'statementsInCommand' | 'bytesInCommand';

export interface LearntFact {
  /** A {@link LearntLimit}, or the name of an ability. */
  readonly what: string;
  /** False: the target lacks the ability. */
  readonly value: number | false;
  /** The target's words, without values of documents. */
  readonly reason: string;
  readonly at: Date;
}

/** Nothing becomes smaller than this, whatever a target says. */
const LEAST: Readonly<Record<LearntLimit, number>> = { statementsInCommand: 8, bytesInCommand: 64 << 10 };

export class Learnt {
  readonly #facts = new Map<string, LearntFact>();
  #unsaved = false;

  /** Something is known that {@link save} has not kept. */
  get isUnsaved(): boolean {
    return this.#unsaved;
  }

  facts(): readonly LearntFact[] {
    return [...this.#facts.values()];
  }

  /** Infinity where nothing is known. */
  limit(what: LearntLimit): number {
    const value = this.#facts.get(what)?.value;
    return typeof value === 'number' ? value : Number.POSITIVE_INFINITY;
  }

  lacks(ability: string): boolean {
    return this.#facts.get(ability)?.value === false;
  }

  /** What the target lacks, as far as is known at the call. */
  lacking(): ReadonlySet<string> {
    return new Set(this.facts().flatMap(({ what, value }) => (value === false ? [what] : [])));
  }

  /** So much has passed, and twice as much has not. True where it is news. */
  lower(what: LearntLimit, passed: number, reason: string): boolean {
    const value = Math.max(LEAST[what], passed);
    if (value >= this.limit(what)) return false;
    this.#learn({ what, value, reason, at: new Date() });
    return true;
  }

  /** True where it is news. */
  lack(ability: string, reason: string): boolean {
    if (this.lacks(ability)) return false;
    this.#learn({ what: ability, value: false, reason, at: new Date() });
    return true;
  }

  /** Adds what earlier runs of the load have kept. */
  async restore(store: ProgressStore, id: string): Promise<void> {
    const found = (await store.find(id)).find(({ _id }) => _id === id);
    for (const fact of found ? factsIn(found) : []) this.#facts.set(fact.what, fact);
  }

  async save(store: ProgressStore, id: string, load: string): Promise<void> {
    this.#unsaved = false;
    const facts = this.facts().map((fact): ProgressValue => ({ ...fact }));
    try {
      await store.update([{ id, set: { kind: 'learnt', load, facts }, upsert: true }]);
    } catch (error) {
      this.#unsaved = true;
      throw error;
    }
  }

  #learn(fact: LearntFact): void {
    this.#facts.set(fact.what, fact);
    this.#unsaved = true;
  }
}

function factsIn({ facts }: ProgressDocument): LearntFact[] {
  if (!Array.isArray(facts)) return [];
  return (facts as Record<string, ProgressValue>[]).flatMap(({ what, value, reason, at }) =>
    typeof what === 'string' && (typeof value === 'number' || value === false) && at instanceof Date
      ? [{ what, value, reason: String(reason), at }]
      : [],
  );
}
