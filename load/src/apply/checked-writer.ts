/** Keeps documents that a target's rules forbid away from it; their neighbours go. */
import { documentId } from '@waybill/shared/bson/statement';
import { DocumentCheck } from '../checks/check-document.ts';
import { withOrderedOptions } from '../checks/order-options.ts';
import type { DocumentRules } from '../target/rules/documents.ts';
import type { StatementKind } from '../target/target.ts';
import type { Batch, DocumentBatch, Write } from './batch.ts';
import { checkRefusal } from './make-refusal.ts';
import type { Refusal } from './refusal.ts';
import type { DocumentWriter, Guessed } from './writer.ts';

/** Where the target has no rules of its own, the writer itself: nothing is looked at. */
export function checkedWriter(writer: DocumentWriter, rules: DocumentRules | null): DocumentWriter {
  return rules === null ? writer : new CheckedWriter(writer, rules);
}

interface Sifted {
  readonly batch: Batch;
  readonly refusals: readonly Refusal[];
}

class CheckedWriter implements DocumentWriter {
  readonly #writer: DocumentWriter;
  readonly #check: DocumentCheck;

  constructor(writer: DocumentWriter, rules: DocumentRules) {
    this.#writer = writer;
    this.#check = new DocumentCheck(rules);
  }

  async insert(batch: DocumentBatch): Promise<readonly Refusal[]> {
    const { scope, documents, origin, first } = batch;
    if (documents.every((document) => this.#check.check(documentId(document), document) === null)) {
      return this.#writer.insert(batch);
    }
    const writes = documents.map(
      (document, index): Write => ({ id: documentId(document), document, record: first + index }),
    );
    return (await this.insertNew({ scope, writes, origin })).refusals;
  }

  async insertNew(batch: Batch): Promise<Guessed> {
    const { batch: sound, refusals } = this.#sift('insert', batch);
    if (sound.writes.length === 0) return { wrong: 0, refusals };
    const { wrong, refusals: more } = await this.#writer.insertNew(sound);
    return { wrong, refusals: joined(refusals, more) };
  }

  async replace(batch: Batch): Promise<Guessed> {
    const { batch: sound, refusals } = this.#sift('update', batch);
    if (sound.writes.length === 0) return { wrong: 0, refusals };
    const { wrong, refusals: more } = await this.#writer.replace(sound);
    return { wrong, refusals: joined(refusals, more) };
  }

  async upsert(batch: Batch): Promise<readonly Refusal[]> {
    const { batch: sound, refusals } = this.#sift('update', batch);
    if (sound.writes.length === 0) return refusals;
    return joined(refusals, await this.#writer.upsert(sound));
  }

  /** The target has no document whose `_id` it forbids, so that one counts as deleted. */
  async remove(batch: Batch): Promise<readonly Refusal[]> {
    const writes = batch.writes.filter(({ id }) => this.#check.checkId(id) === null);
    if (writes.length === 0) return [];
    return this.#writer.remove(writes.length === batch.writes.length ? batch : { ...batch, writes });
  }

  /** What the target takes, and what it would refuse. */
  #sift(kind: StatementKind, batch: Batch): Sifted {
    const refusals: Refusal[] = [];
    let writes: Write[] | undefined;
    for (const [at, write] of batch.writes.entries()) {
      let checked = write;
      let violation = this.#check.check(write.id, write.document!);
      if (violation?.rule === 'regex-order') {
        checked = { ...write, document: withOrderedOptions(write.document!) };
        violation = this.#check.check(checked.id, checked.document!);
      }
      if (violation !== null) refusals.push(checkRefusal(kind, batch, write, violation));
      if (violation !== null || checked !== write) writes ??= batch.writes.slice(0, at);
      if (violation === null) writes?.push(checked);
    }
    return { batch: writes ? { ...batch, writes } : batch, refusals };
  }
}

function joined(refusals: readonly Refusal[], more: readonly Refusal[]): readonly Refusal[] {
  return refusals.length === 0 ? more : [...refusals, ...more];
}
