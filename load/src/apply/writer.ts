/**
 * Writes documents to the target, so that every one of them either stands there or is named in an
 * error. Nothing is dropped in silence, and nothing here depends on the order of statements within
 * a call: each `_id` occurs once.
 */

import type { WaybillError } from '@waybill/shared/base/errors';
import type { RawElement } from '@waybill/shared/bson/raw';
import {
  deleteStatement,
  documentId,
  hasTopLevelZeroTimestamp,
  pipelineStatement,
} from '@waybill/shared/bson/statement';
import type { StatementFailure, StatementKind, TargetCapabilities } from '../target/target.ts';
import { type Executed, type Refused, type SenderDeps, StatementSender, type WriteScope } from './sender.ts';
import { putStatement } from './statements.ts';
import { type RecordPlace, refusedError, tacticFor } from './write-errors.ts';

/** One document to write, or to delete where `document` is null. */
export interface Write {
  readonly id: RawElement;
  readonly document: Uint8Array | null;
  readonly place: RecordPlace;
  /**
   * The stream tells that it began to exist with this write: an insert is expected to find nothing
   * in its place.
   */
  readonly isNew?: boolean | undefined;
}

const NOTHING: Executed = { n: 0, refused: [] };
const REINSERTS = 5;

export class Writer {
  readonly #capabilities: TargetCapabilities;
  readonly #sender: StatementSender;

  constructor(deps: SenderDeps) {
    this.#capabilities = deps.target.capabilities;
    this.#sender = new StatementSender(deps);
  }

  /** Inserts documents as they are; one that stands there already is replaced. */
  async insert(scope: WriteScope, documents: readonly Uint8Array[], place: RecordPlace): Promise<void> {
    if (!this.#capabilities.keepsEmptyTimestamps) {
      const altered = documents.filter(hasTopLevelZeroTimestamp);
      if (altered.length > 0) {
        const others = documents.filter((document) => !altered.includes(document));
        await this.upsert(
          scope,
          altered.map((document) => ({ id: documentId(document), document, place })),
        );
        if (others.length > 0) await this.insert(scope, others, place);
        return;
      }
    }
    const { refused } = await this.#sender.execute('insert', scope, documents);
    if (refused.length === 0) return;
    const again: Write[] = [];
    for (const { index, failure } of refused) {
      const document = documents[index]!;
      const write = { id: documentId(document), document, place };
      if (tacticFor('insert', failure) !== 'replace') throw this.#refuse('insert', scope, write, failure);
      again.push(write);
    }
    await this.upsert(scope, again);
  }

  /**
   * Inserts documents that are expected to be new, which costs a server a fraction of an upsert
   * that finds nothing; one that stands there already is replaced. Gives the number of those.
   */
  async insertNew(scope: WriteScope, writes: readonly Write[]): Promise<number> {
    const { keepsEmptyTimestamps } = this.#capabilities;
    const plain = keepsEmptyTimestamps
      ? writes
      : writes.filter(({ document }) => !hasTopLevelZeroTimestamp(document!));
    const documents = plain.map(({ document }) => document!);
    const { refused } =
      documents.length > 0 ? await this.#sender.execute('insert', scope, documents) : NOTHING;
    for (const { index, failure } of refused) {
      if (tacticFor('insert', failure) !== 'replace')
        throw this.#refuse('insert', scope, plain[index]!, failure);
    }
    const again = refused.map(({ index }) => plain[index]!);
    if (plain.length < writes.length) again.push(...writes.filter((write) => !plain.includes(write)));
    if (again.length > 0) await this.upsert(scope, again);
    return refused.length;
  }

  /** Deletes by `_id`; what is not there is as good as deleted. */
  async remove(scope: WriteScope, writes: readonly Write[]): Promise<void> {
    const { refused } = await this.#sender.execute(
      'delete',
      scope,
      writes.map(({ id }) => deleteStatement(id)),
    );
    for (const { index, failure } of refused) {
      throw this.#refuse('delete', scope, writes[index]!, failure);
    }
  }

  /**
   * Replaces documents that are expected to stand there: without the word upsert a server finds
   * them by a shorter way. Where some do not, which it does not tell one by one, all are written
   * again as upserts. Gives the number of those.
   */
  async replace(scope: WriteScope, writes: readonly Write[]): Promise<number> {
    const { refused, n } = await this.#put(scope, writes, false);
    const missing = writes.length - refused.length - n;
    if (missing > 0) await this.upsert(scope, writes);
    else await this.#putRefused(scope, writes, refused);
    return missing;
  }

  /** Replaces or inserts by `_id`. */
  async upsert(scope: WriteScope, writes: readonly Write[]): Promise<void> {
    const { refused } = await this.#put(scope, writes, true);
    await this.#putRefused(scope, writes, refused);
  }

  #put(scope: WriteScope, writes: readonly Write[], upsert: boolean): Promise<Executed> {
    const statements = writes.map(({ id, document }) =>
      putStatement(this.#capabilities, id, document!, upsert),
    );
    return this.#sender.execute('update', scope, statements);
  }

  async #putRefused(scope: WriteScope, writes: readonly Write[], refused: readonly Refused[]): Promise<void> {
    for (const { index, failure } of refused) {
      const write = writes[index]!;
      const tactic = tacticFor('update', failure);
      if (tactic === 'pipeline' && (await this.#replaceByPipeline(scope, write))) continue;
      if (tactic !== 'pipeline' && tactic !== 'reinsert') throw this.#refuse('update', scope, write, failure);
      await this.#reinsert(scope, write);
    }
  }

  /**
   * Where it succeeds, the document keeps its place in a capped collection. It refuses duplicate
   * names.
   */
  async #replaceByPipeline(scope: WriteScope, { id, document }: Write): Promise<boolean> {
    const { refused } = await this.#sender.execute('update', scope, [pipelineStatement(id, document!)]);
    return refused.length === 0;
  }

  /**
   * A crash between the two leaves the document missing; the batch is repeated then, since no
   * cursor has passed it. Another document of an equal `_id` may come in between: an image from the
   * future, whose delete is still to come.
   */
  async #reinsert(scope: WriteScope, write: Write): Promise<void> {
    const { keepsEmptyTimestamps } = this.#capabilities;
    const document = write.document!;
    const asUpdate = !keepsEmptyTimestamps && hasTopLevelZeroTimestamp(document);
    const kind = asUpdate ? 'update' : 'insert';
    for (let tries = 1; ; tries++) {
      await this.remove(scope, [write]);
      const statement = asUpdate ? pipelineStatement(write.id, document) : document;
      const {
        refused: [refused],
      } = await this.#sender.execute(kind, scope, [statement]);
      if (!refused) return;
      if (!refused.failure.duplicateId || tries >= REINSERTS) {
        throw this.#refuse(kind, scope, write, refused.failure);
      }
    }
  }

  #refuse(kind: StatementKind, scope: WriteScope, write: Write, failure: StatementFailure): WaybillError {
    return refusedError({
      kind,
      namespace: scope.namespace,
      place: write.place,
      id: write.id,
      code: failure.code,
      message: failure.message,
      indexName: failure.indexName,
    });
  }
}
