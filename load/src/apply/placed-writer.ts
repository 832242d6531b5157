/** Sends each batch the way that its collection's placement on the target asks for. */
import { SERVER_CODES } from '@waybill/shared/mongo/driver/server-codes';
import type { Placements } from '../placement/placements.ts';
import type { Batch, DocumentBatch, WriteScope } from './batch.ts';
import type { Refusal } from './refusal.ts';
import type { DocumentWriter, Guessed } from './writer.ts';

export class PlacedWriter implements DocumentWriter {
  readonly #byId: DocumentWriter;
  readonly #byKey: DocumentWriter;
  readonly #placements: Pick<Placements, 'changes' | 'refresh'>;

  /** `byKey` writes to collections that have a key beside `_id`. */
  constructor(
    byId: DocumentWriter,
    byKey: DocumentWriter,
    placements: Pick<Placements, 'changes' | 'refresh'>,
  ) {
    this.#byId = byId;
    this.#byKey = byKey;
    this.#placements = placements;
  }

  insert(batch: DocumentBatch): Promise<readonly Refusal[]> {
    return this.#settled(batch.scope, (writer) => writer.insert(batch));
  }

  insertNew(batch: Batch): Promise<Guessed> {
    return this.#guessed(batch.scope, (writer) => writer.insertNew(batch));
  }

  replace(batch: Batch): Promise<Guessed> {
    return this.#guessed(batch.scope, (writer) => writer.replace(batch));
  }

  upsert(batch: Batch): Promise<readonly Refusal[]> {
    return this.#settled(batch.scope, (writer) => writer.upsert(batch));
  }

  remove(batch: Batch): Promise<readonly Refusal[]> {
    return this.#settled(batch.scope, (writer) => writer.remove(batch));
  }

  async #settled(
    scope: WriteScope,
    write: (writer: DocumentWriter) => Promise<readonly Refusal[]>,
  ): Promise<readonly Refusal[]> {
    const guessed = async (writer: DocumentWriter) => ({ wrong: 0, refusals: await write(writer) });
    return (await this.#guessed(scope, guessed)).refusals;
  }

  /**
   * A target that has sharded the collection meanwhile, or by another key, refuses what names the
   * old place. Then the whole batch goes again, by what is known now.
   */
  async #guessed(scope: WriteScope, write: (writer: DocumentWriter) => Promise<Guessed>): Promise<Guessed> {
    const before = this.#placements.changes;
    const guessed = await write(this.#for(scope));
    if (!guessed.refusals.some(isMisplaced)) return guessed;
    await this.#placements.refresh();
    return this.#placements.changes === before ? guessed : write(this.#for(scope));
  }

  #for({ placement }: WriteScope): DocumentWriter {
    return placement.paths.length === 0 ? this.#byId : this.#byKey;
  }
}

const MISPLACED: ReadonlySet<number | undefined> = new Set([
  SERVER_CODES.ShardKeyNotFound,
  SERVER_CODES.IllegalOperation,
  SERVER_CODES.ImmutableField,
]);

function isMisplaced({ code }: Refusal): boolean {
  return MISPLACED.has(code);
}
