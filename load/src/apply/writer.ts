/**
 * Writes documents to the target, so that each of them either stands there or comes back as a
 * refusal. Nothing is dropped in silence. The order of statements within a call does not matter:
 * each `_id` occurs once.
 */
import { deleteStatement, documentId, pipelineStatement } from '@waybill/shared/bson/statement';
import type { TargetCapabilities } from '../target/target.ts';
import type { Batch, DocumentBatch, Write } from './batch.ts';
import { targetRefusal } from './make-refusal.ts';
import type { Refusal } from './refusal.ts';
import { type Executed, type Refused, type SenderDeps, StatementSender } from './sender.ts';
import { mustBeUpdate, putStatement } from './statements.ts';

/** What became of a batch that relied on what stands on the target. */
export interface Guessed {
  /** How many writes relied on something wrong; they were made another way. */
  readonly wrong: number;
  readonly refusals: readonly Refusal[];
}

export type DocumentWriter = Pick<Writer, 'insert' | 'insertNew' | 'remove' | 'replace' | 'upsert'>;

const NONE: readonly Refusal[] = [];
const NOTHING: Executed = { n: 0, refused: [] };
const REINSERTS = 5;

export class Writer {
  readonly #capabilities: TargetCapabilities;
  readonly #sender: StatementSender;

  constructor(deps: SenderDeps) {
    this.#capabilities = deps.target.capabilities;
    this.#sender = new StatementSender(deps);
  }

  /** Inserts documents as they are. One that stands there already is replaced. */
  async insert({ scope, documents, origin, first }: DocumentBatch): Promise<readonly Refusal[]> {
    const writeAt = (index: number): Write => {
      const document = documents[index]!;
      return { id: documentId(document), document, record: first + index };
    };
    if (documents.some((document) => mustBeUpdate(this.#capabilities, document))) {
      const writes = documents.map((_, index) => writeAt(index));
      return (await this.insertNew({ scope, writes, origin })).refusals;
    }
    const { refused } = await this.#sender.execute('insert', scope, documents);
    if (refused.length === 0) return NONE;
    const writes = refused.map(({ index }) => writeAt(index));
    return this.#replaceFound({ scope, writes, origin }, refused);
  }

  /**
   * Inserts documents that should be new: that costs a server a fraction of an upsert that finds
   * nothing. One that stands there already is replaced, and counts as wrong.
   */
  async insertNew(batch: Batch): Promise<Guessed> {
    const { scope, writes } = batch;
    const inserts: Write[] = [];
    const updates: Write[] = [];
    for (const write of writes)
      (mustBeUpdate(this.#capabilities, write.document!) ? updates : inserts).push(write);
    const documents = inserts.map(({ document }) => document!);
    const { refused } =
      documents.length > 0 ? await this.#sender.execute('insert', scope, documents) : NOTHING;
    const refusedWrites = refused.map(({ index }) => inserts[index]!);
    const refusals = await this.#replaceFound({ ...batch, writes: refusedWrites }, refused, updates);
    return { wrong: refused.length, refusals };
  }

  /** Deletes by `_id`. A document that is not there counts as deleted. */
  async remove(batch: Batch): Promise<readonly Refusal[]> {
    const { scope, writes } = batch;
    const statements = writes.map(({ id }) => deleteStatement(id));
    const { refused } = await this.#sender.execute('delete', scope, statements);
    if (refused.length === 0) return NONE;
    return refused.map((each) => targetRefusal('delete', batch, writes[each.index]!, each));
  }

  /**
   * Replaces documents that should stand there: without the word upsert, a server finds them by a
   * shorter way. The server does not say which ones are missing, so then all are written again as
   * upserts.
   */
  async replace(batch: Batch): Promise<Guessed> {
    const { refused, n } = await this.#put(batch, false);
    const wrong = batch.writes.length - refused.length - n;
    const refusals = wrong > 0 ? await this.upsert(batch) : await this.#putRefused(batch, refused);
    return { wrong, refusals };
  }

  /** Replaces or inserts by `_id`. */
  async upsert(batch: Batch): Promise<readonly Refusal[]> {
    const { refused } = await this.#put(batch, true);
    return this.#putRefused(batch, refused);
  }

  /** Upserts `others`, and each refused insert whose document stood there already. */
  async #replaceFound(
    batch: Batch,
    refused: readonly Refused[],
    others: readonly Write[] = [],
  ): Promise<readonly Refusal[]> {
    const refusals: Refusal[] = [];
    const writes = [...others];
    for (const [at, each] of refused.entries()) {
      const write = batch.writes[at]!;
      if (each.tactic === 'replace') writes.push(write);
      else refusals.push(targetRefusal('insert', batch, write, each));
    }
    if (writes.length > 0) refusals.push(...(await this.upsert({ ...batch, writes })));
    return refusals;
  }

  #put({ scope, writes }: Batch, upsert: boolean): Promise<Executed> {
    const statements = writes.map(({ id, document }) =>
      putStatement(this.#capabilities, id, document!, upsert),
    );
    return this.#sender.execute('update', scope, statements);
  }

  async #putRefused(batch: Batch, refused: readonly Refused[]): Promise<readonly Refusal[]> {
    if (refused.length === 0) return NONE;
    const refusals: Refusal[] = [];
    for (const each of refused) {
      const write = batch.writes[each.index]!;
      const { tactic } = each;
      if (tactic === 'pipeline' && (await this.#replaceByPipeline(batch, write))) continue;
      const again = tactic === 'pipeline' || tactic === 'reinsert';
      const last = again ? await this.#reinsert(batch, write) : targetRefusal('update', batch, write, each);
      if (last) refusals.push(last);
    }
    return refusals;
  }

  /**
   * Where it succeeds, the document keeps its place in a capped collection. It refuses duplicate
   * names.
   */
  async #replaceByPipeline({ scope }: Batch, { id, document }: Write): Promise<boolean> {
    const { refused } = await this.#sender.execute('update', scope, [pipelineStatement(id, document!)]);
    return refused.length === 0;
  }

  /**
   * Deletes and inserts. A crash between the two leaves the document missing; the batch is then
   * repeated, since no cursor has passed it. Another document with an equal `_id` may come in
   * between: an image from the future, whose delete is still to come.
   */
  async #reinsert(batch: Batch, write: Write): Promise<Refusal | undefined> {
    const { scope } = batch;
    const document = write.document!;
    const kind = mustBeUpdate(this.#capabilities, document) ? 'update' : 'insert';
    const statement = kind === 'update' ? pipelineStatement(write.id, document) : document;
    for (let tries = 1; ; tries++) {
      const [undeleted] = await this.remove({ ...batch, writes: [write] });
      if (undeleted) return undeleted;
      const { refused } = await this.#sender.execute(kind, scope, [statement]);
      const [last] = refused;
      if (!last) return undefined;
      if (!last.failure.duplicateId || tries >= REINSERTS) {
        return targetRefusal(kind, batch, write, { ...last, attempts: tries });
      }
    }
  }
}
