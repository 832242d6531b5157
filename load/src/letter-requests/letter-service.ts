/**
 * Does what operators ask about dead letters. Only the load's owner does it, and only while nothing
 * else writes documents. An open letter's document has no later state on the target
 * (dead-letters.ts), so a retry never puts an old one over it. A letter is closed when its record
 * is acknowledged: a crash before that retries it once more.
 */
import type { RawElement } from '@waybill/shared/bson/raw';
import { documentId } from '@waybill/shared/bson/statement';
import type { Milestone, StreamIdentity } from '@waybill/shared/manifest/commit';
import type { StreamState } from '@waybill/shared/manifest/state';
import type { Batch, Origin, Write, WriteScope } from '../apply/batch.ts';
import type { Refusal } from '../apply/refusal.ts';
import type { DocumentWriter } from '../apply/writer.ts';
import { batches } from '../changes/batches.ts';
import { Scopes } from '../changes/scopes.ts';
import type { DeadLetters } from '../letters/dead-letters.ts';
import { keyOfId, type Letter } from '../letters/letter.ts';
import { fileOf, type LettersSource, readRecords } from '../letters/read-letters.ts';
import type { Placements } from '../placement/placements.ts';
import type { DocumentReader } from '../reading/document-reader.ts';
import type { LoadSettings } from '../settings/load-settings.ts';
import { attempt, type StructureContext } from '../structure/context.ts';
import { answerMilestone, fits, type LetterAnswer, type LetterRequest, openRequests } from './requests.ts';

export interface LetterServiceDeps {
  readonly letters: DeadLetters;
  readonly log: { readonly state: StreamState; recordAll(milestones: readonly Milestone[]): Promise<void> };
  readonly source: LettersSource;
  readonly writer: Pick<DocumentWriter, 'remove' | 'upsert'>;
  readonly structure: StructureContext;
  readonly placements: Placements;
  readonly identity: Pick<StreamIdentity, 'sourceTopology'>;
  readonly reader: Pick<DocumentReader, 'find'>;
  readonly settings: Pick<LoadSettings, 'batchRecords' | 'batchSize'>;
}

type Tally = { -readonly [K in keyof LetterAnswer]: LetterAnswer[K] } & { rules: Record<string, number> };

/** A letter with what is to be written. */
interface Retry extends Write {
  readonly letter: Letter;
}

export class LetterService {
  readonly #deps: LetterServiceDeps;
  #listener: () => void = () => undefined;

  constructor(deps: LetterServiceDeps) {
    this.#deps = deps;
  }

  get isAsked(): boolean {
    return openRequests(this.#deps.log.state).length > 0;
  }

  /** Called when the log has been read on. */
  noticed(): void {
    if (this.isAsked) this.#listener();
  }

  listen(listener: () => void): void {
    this.#listener = listener;
  }

  /** Call it while nothing else writes documents. */
  async serve(): Promise<void> {
    const { log, structure } = this.#deps;
    for (const request of openRequests(log.state)) {
      const answer = await this.#do(request);
      await log.recordAll([answerMilestone(request, answer)]);
      structure.logger.info('dead letters', { action: request.action, ...answer });
    }
  }

  async #do(request: LetterRequest): Promise<LetterAnswer> {
    const { letters } = this.#deps;
    const tally: Tally = { retried: 0, superseded: 0, refused: 0, left: 0, discarded: 0, rules: {} };
    const chosen = [...letters.open.all()].filter(fits(request));
    if (request.action === 'discard') {
      for (const { number } of chosen) letters.close(number, 'discarded');
      await letters.flush();
      return { ...tally, discarded: chosen.length };
    }
    await letters.flush();
    await this.#retryAll(chosen, tally);
    return tally;
  }

  /** One letter may free what another one needs, for instance a value of a unique index. */
  async #retryAll(chosen: readonly Letter[], tally: Tally): Promise<void> {
    let left = chosen;
    for (;;) {
      const { retried } = tally;
      const refused = await this.#round(left, tally);
      if (refused.length === 0) return;
      left = refused.map(({ letter }) => letter);
      if (tally.retried > retried) continue;
      tally.refused = refused.length;
      for (const { refusal } of refused) tally.rules[refusal.rule] = (tally.rules[refusal.rule] ?? 0) + 1;
      return;
    }
  }

  async #round(chosen: readonly Letter[], tally: Tally): Promise<{ letter: Letter; refusal: Refusal }[]> {
    const { letters, log, source } = this.#deps;
    const refused: { letter: Letter; refusal: Refusal }[] = [];
    for (const [entry, ofFile] of Map.groupBy(chosen, ({ number }) => fileOf(log.state, number))) {
      if (!entry) continue;
      const records = await readRecords(source, entry);
      for (const [namespace, some] of Map.groupBy(ofFile, (letter) => letter.namespace)) {
        const scope = await this.#scopeOf(namespace);
        if (scope === null) {
          tally.left += some.length;
          continue;
        }
        const retries = some.map((letter): Retry => {
          const { document, documentKey } = records.get(letter.number)!;
          const bytes = document === null ? null : Buffer.from(document, 'base64');
          const id = documentId(bytes ?? Buffer.from(documentKey, 'base64'));
          return { letter, id, document: bytes, record: letter.number };
        });
        refused.push(...(await this.#write(scope, retries, tally)));
      }
      await letters.flush();
    }
    return refused;
  }

  /** Null where the collection is not on the target: its drop or rename may be under way. */
  async #scopeOf(namespace: string): Promise<WriteScope | null> {
    const { structure, placements, identity } = this.#deps;
    const record = structure.registry.get(namespace);
    if (!record) return null;
    const standing = await attempt(structure, () => structure.target.collection(namespace));
    if (!standing) return null;
    await placements.refresh();
    return new Scopes(structure, placements, identity).of(record.source, null);
  }

  async #write(
    scope: WriteScope,
    retries: readonly Retry[],
    tally: Tally,
  ): Promise<{ letter: Letter; refusal: Refusal }[]> {
    const { writer, settings, letters, structure } = this.#deps;
    const deletes = await this.#stillMeant(
      scope,
      retries.filter(({ document }) => document === null),
      tally,
    );
    const upserts = retries.filter(({ document }) => document !== null);
    const limits = { records: settings.batchRecords, bytes: settings.batchSize };
    const refused: { letter: Letter; refusal: Refusal }[] = [];
    const send = async (all: readonly Retry[], write: (batch: Batch) => Promise<readonly Refusal[]>) => {
      const byNumber = new Map(all.map(({ letter }) => [letter.number, letter]));
      for (const writes of batches(all, limits)) {
        const refusals = await write({ scope, writes, origin: originOf(byNumber) });
        // No cursor would bring these records again.
        await attempt(structure, () => structure.target.proveWrites());
        const byKey = new Map(refusals.map((refusal) => [keyOfId(refusal.id), refusal]));
        for (const { record, id } of writes) {
          const refusal = byKey.get(keyOfId(id));
          if (refusal) refused.push({ letter: byNumber.get(record)!, refusal });
          else {
            letters.close(record, 'retried');
            tally.retried++;
          }
        }
      }
    };
    await send(deletes, (batch) => writer.remove(batch));
    await send(upserts, (batch) => writer.upsert(batch));
    return refused;
  }

  /**
   * A collation holds `_id`s of other bytes for equal. If such a document stands there now, it came
   * later than the refused delete.
   */
  async #stillMeant({ namespace }: WriteScope, deletes: readonly Retry[], tally: Tally): Promise<Retry[]> {
    const { reader, structure, letters } = this.#deps;
    const { signal } = structure;
    const meant: Retry[] = [];
    for (const each of deletes) {
      let isAnother = false;
      await attempt(structure, () =>
        reader.find(namespace, [each.id], { notBefore: undefined, idOnly: true, signal }, (found) => {
          isAnother = !isSameId(documentId(found), each.id);
        }),
      );
      if (!isAnother) {
        meant.push(each);
        continue;
      }
      letters.close(each.letter.number, 'superseded');
      tally.superseded++;
    }
    return meant;
  }
}

function isSameId(one: RawElement, other: RawElement): boolean {
  return one.type === other.type && Buffer.compare(one.bytes, other.bytes) === 0;
}

function originOf(letters: ReadonlyMap<number, Letter>): Origin {
  return {
    placesOf: ({ record }) => {
      const { place } = letters.get(record)!;
      return ['sequence' in place ? place : { ...place, chunk: place.chunk ?? undefined }];
    },
  };
}
