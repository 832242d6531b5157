/**
 * Writes documents with a name that begins with `$`, on any level, to a target that takes such a
 * name by an insert alone. What stands there under their `_id` is deleted first, and acknowledged.
 * A crash between the two leaves the document missing; the window is then repeated, since no cursor
 * has passed it.
 */
import { asBuffer, BsonType, elements } from '@waybill/shared/bson/raw';
import { documentId } from '@waybill/shared/bson/statement';
import type { Batch, DocumentBatch, Write } from './batch.ts';
import type { Refusal } from './refusal.ts';
import type { DocumentWriter, Guessed } from './writer.ts';

export class InsertingWriter implements DocumentWriter {
  readonly #writer: DocumentWriter;

  constructor(writer: DocumentWriter) {
    this.#writer = writer;
  }

  async insert(batch: DocumentBatch): Promise<readonly Refusal[]> {
    const { scope, documents, origin, first } = batch;
    if (!documents.some(holdsDollarName)) return this.#writer.insert(batch);
    const writes = documents.map(
      (document, index): Write => ({ id: documentId(document), document, record: first + index }),
    );
    return (await this.insertNew({ scope, writes, origin })).refusals;
  }

  insertNew(batch: Batch): Promise<Guessed> {
    return this.#apart(batch, (others) => this.#writer.insertNew(others));
  }

  replace(batch: Batch): Promise<Guessed> {
    return this.#apart(batch, (others) => this.#writer.replace(others));
  }

  async upsert(batch: Batch): Promise<readonly Refusal[]> {
    const write = async (others: Batch) => ({ wrong: 0, refusals: await this.#writer.upsert(others) });
    return (await this.#apart(batch, write)).refusals;
  }

  remove(batch: Batch): Promise<readonly Refusal[]> {
    return this.#writer.remove(batch);
  }

  async #apart(batch: Batch, write: (others: Batch) => Promise<Guessed>): Promise<Guessed> {
    const dollar = batch.writes.filter(({ document }) => holdsDollarName(document!));
    if (dollar.length === 0) return write(batch);
    const others = batch.writes.filter((each) => !dollar.includes(each));
    const { wrong, refusals } =
      others.length > 0 ? await write({ ...batch, writes: others }) : { wrong: 0, refusals: [] };
    return { wrong, refusals: [...refusals, ...(await this.#reinsert({ ...batch, writes: dollar }))] };
  }

  async #reinsert(batch: Batch): Promise<readonly Refusal[]> {
    const undeleted = await this.#writer.remove(batch);
    const failed = new Set(undeleted.map(({ id }) => id));
    const writes = batch.writes.filter(({ id }) => !failed.has(id));
    if (writes.length === 0) return undeleted;
    const { refusals } = await this.#writer.insertNew({ ...batch, writes });
    return [...undeleted, ...refusals];
  }
}

const DOLLAR = 0x24;

function holdsDollarName(document: Uint8Array): boolean {
  return document.includes(DOLLAR) && findsDollarName(document);
}

function findsDollarName(document: Uint8Array): boolean {
  for (const { type, nameBytes, bytes } of elements(asBuffer(document))) {
    if (nameBytes[0] === DOLLAR) return true;
    const isInner = type === BsonType.document || type === BsonType.array;
    if (isInner && findsDollarName(bytes)) return true;
  }
  return false;
}
