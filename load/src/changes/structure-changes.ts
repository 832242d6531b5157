import type { CollectionDefinition, DdlEvent } from '@waybill/shared/manifest/commit';
import { enterDefinition, enterEvent } from '../mapping/entering.ts';
import type { BarrierProgress, Progress } from '../progress/progress.ts';
import type { Gate } from '../rate/gate.ts';
import type { LoadSettings } from '../settings/load-settings.ts';
import { ensureCollection, wantedOf } from '../structure/collections.ts';
import { attempt, type StructureContext } from '../structure/context.ts';
import { applyDdl, touchedBy } from '../structure/ddl.ts';
import { assertOwnName } from '../structure/held.ts';
import { buildIndexes } from '../structure/indexes.ts';
import type { RestoredIndexes } from '../structure/restored-indexes.ts';

export interface StructureChangesDeps {
  readonly structure: StructureContext;
  readonly restored: RestoredIndexes;
  readonly progress: Progress;
  readonly gate: Pick<Gate, 'whenOpen'>;
  readonly settings: Pick<LoadSettings, 'indexes'>;
  readonly signal: AbortSignal;
}

/** What the stream's changes ask of structure: its own events, and collections that they need. */
export class StructureChanges {
  readonly #deps: StructureChangesDeps;
  readonly #barrier: BarrierProgress;

  /** `barrier`: what earlier runs have applied. */
  constructor(deps: StructureChangesDeps, barrier: BarrierProgress) {
    this.#deps = deps;
    this.#barrier = barrier;
  }

  /**
   * Applies the events of a commit that are not done yet, one after the other. Each is recorded
   * when it is done, so a crash repeats at most one.
   */
  async applyEvents(seq: number, events: readonly DdlEvent[]): Promise<void> {
    const { structure, restored, progress, gate, signal } = this.#deps;
    const done = this.#barrier.seq === seq ? this.#barrier.done : 0;
    for (const [index, event] of events.entries()) {
      if (index < done) continue;
      await gate.whenOpen(signal);
      const entered = enterEvent(event, structure.mapping, structure.takes);
      await restored.freeAll(...touchedBy(structure, entered));
      await applyDdl(structure, entered);
      await attempt(structure, () => progress.markBarrier({ seq, done: index + 1 }));
    }
  }

  /**
   * Makes collections that came after T0, of a source that tells no options with its events. The
   * snapshot has made the inventory's own collections; the stream's events tell what became of
   * them since.
   */
  async ensureDefined(definitions: readonly CollectionDefinition[] = []): Promise<void> {
    const { structure, settings } = this.#deps;
    for (const definition of definitions) {
      if (definition.snapshot || !structure.takes(definition.namespace)) continue;
      const entered = enterDefinition(definition, structure.mapping);
      assertOwnName(structure, entered);
      if (structure.registry.get(entered.namespace)) continue;
      await ensureCollection(structure, wantedOf(entered));
      if (settings.indexes === 'after-snapshot') await buildIndexes(structure, entered.namespace);
    }
  }
}
