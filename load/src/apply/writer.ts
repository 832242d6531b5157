/**
 * Sends documents to the target, so that every one of them either stands there or is named in an error. Nothing is
 * dropped in silence, and nothing here depends on the order of statements within a call: each `_id` occurs once.
 *
 * A batch whose outcome is not known (network, election, time limit) is sent again whole: inserts that had succeeded
 * turn up as duplicates and become replaces; upserts and deletes of last states may be repeated at will.
 * Batches in flight are not aborted on a stop: their callers wait for them, so that ownership is released after the last.
 */

import type { RawElement } from '@waybill/shared/bson/raw';
import {
  deleteStatement,
  documentId,
  hasTopLevelZeroTimestamp,
  pipelineStatement,
} from '@waybill/shared/bson/statement';
import { hasCode, WaybillError } from '@waybill/shared/errors';
import { throwIfAborted } from '@waybill/shared/lifecycle';
import type { Logger } from '@waybill/shared/logger';
import type { Metrics } from '@waybill/shared/metrics';
import { serverCode } from '@waybill/shared/mongo/classify';
import { DUPLICATE_KEY } from '@waybill/shared/mongo/write-outcome';
import { DEFAULT_RETRY, type RetryPolicy, retry } from '@waybill/shared/retry';
import type { LoadStats } from '@waybill/shared/stats';
import type PQueue from 'p-queue';
import type { Ownership } from '../progress/ownership.ts';
import type { RestoredIndex } from '../structure/restored-indexes.ts';
import type { StatementFailure, StatementKind, Target, WriteResult } from '../target/target.ts';
import { putStatement } from './statements.ts';
import { type RecordPlace, refusedError, tacticFor } from './write-errors.ts';

/** One document to write, or to delete where `document` is null. */
export interface Write {
  readonly id: RawElement;
  readonly document: Uint8Array | null;
  readonly place: RecordPlace;
  /** The stream tells that it began to exist with this write: an insert is expected to find nothing in its place. */
  readonly isNew?: boolean | undefined;
}

export interface WriteScope {
  readonly namespace: string;
  readonly bypassValidation: boolean;
  /** A capped collection: documents are to be made in the order of the stream. */
  readonly keepsOrder: boolean;
}

export interface WriterDeps {
  readonly target: Target;
  readonly ownership: Pick<Ownership, 'held' | 'tag'>;
  /** Asked of an index that refused a duplicate: whether it is out of the way now. */
  readonly freeIndex: (index: RestoredIndex) => Promise<boolean>;
  /** Bounds the commands in flight. */
  readonly queue: PQueue;
  readonly stats: LoadStats;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Ends waits between attempts; a batch in flight is always waited for. */
  readonly signal: AbortSignal;
}

interface Executed {
  readonly n: number;
  readonly refused: readonly Refused[];
}

interface Refused {
  readonly index: number;
  readonly failure: StatementFailure;
}

/** A server that is away longer than this stops the load; it goes on where it was when it is started again. */
const WRITE_RETRY: RetryPolicy = { ...DEFAULT_RETRY, maxElapsedMs: 300_000 };
const NOTHING: Executed = { n: 0, refused: [] };
const REINSERTS = 5;
/** The command as such was too large; smaller ones may do. */
const COMMAND_TOO_LARGE: ReadonlySet<number> = new Set([10334, 17280, 17419, 17420]);

export class Writer {
  readonly #deps: WriterDeps;

  constructor(deps: WriterDeps) {
    this.#deps = deps;
  }

  /** Inserts documents as they are; one that stands there already is replaced. */
  async insert(scope: WriteScope, documents: readonly Uint8Array[], place: RecordPlace): Promise<void> {
    if (!this.#deps.target.capabilities.keepsEmptyTimestamps) {
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
    const { refused } = await this.#execute('insert', scope, documents);
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
   * Inserts documents that are expected to be new, which costs a server a fraction of an upsert that finds nothing; one that stands
   * there already is replaced. Gives the number of those.
   */
  async insertNew(scope: WriteScope, writes: readonly Write[]): Promise<number> {
    const { keepsEmptyTimestamps } = this.#deps.target.capabilities;
    const plain = keepsEmptyTimestamps
      ? writes
      : writes.filter(({ document }) => !hasTopLevelZeroTimestamp(document!));
    const documents = plain.map(({ document }) => document!);
    const { refused } = documents.length > 0 ? await this.#execute('insert', scope, documents) : NOTHING;
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
    const { refused } = await this.#execute(
      'delete',
      scope,
      writes.map(({ id }) => deleteStatement(id)),
    );
    for (const { index, failure } of refused) {
      throw this.#refuse('delete', scope, writes[index]!, failure);
    }
  }

  /**
   * Replaces documents that are expected to stand there: without the word upsert a server finds them by a shorter way. Where some do not,
   * which it does not tell one by one, all are written again as upserts. Gives the number of those.
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
    const { capabilities } = this.#deps.target;
    const statements = writes.map(({ id, document }) => putStatement(capabilities, id, document!, upsert));
    return this.#execute('update', scope, statements);
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

  /** Where it succeeds, the document keeps its place in a capped collection. It refuses duplicate names. */
  async #replaceByPipeline(scope: WriteScope, { id, document }: Write): Promise<boolean> {
    const { refused } = await this.#execute('update', scope, [pipelineStatement(id, document!)]);
    return refused.length === 0;
  }

  /**
   * A crash between the two leaves the document missing; the batch is repeated then, since no cursor has passed it.
   * Another document of an equal `_id` may come in between: an image from the future, whose delete is still to come.
   */
  async #reinsert(scope: WriteScope, write: Write): Promise<void> {
    const { keepsEmptyTimestamps } = this.#deps.target.capabilities;
    const document = write.document!;
    const asUpdate = !keepsEmptyTimestamps && hasTopLevelZeroTimestamp(document);
    const kind = asUpdate ? 'update' : 'insert';
    for (let tries = 1; ; tries++) {
      await this.remove(scope, [write]);
      const statement = asUpdate ? pipelineStatement(write.id, document) : document;
      const {
        refused: [refused],
      } = await this.#execute(kind, scope, [statement]);
      if (!refused) return;
      if (!refused.failure.duplicateId || tries >= REINSERTS) {
        throw this.#refuse(kind, scope, write, refused.failure);
      }
    }
  }

  /** Executes every statement; gives back those that the server refused for good. */
  async #execute(
    kind: StatementKind,
    scope: WriteScope,
    statements: readonly Uint8Array[],
  ): Promise<Executed> {
    const refused: Refused[] = [];
    let written = 0;
    /** What is still to be done, as indexes into `statements`; shrinks while parts of it succeed. */
    let pending: readonly number[] | null = null;
    await this.#retrying(async () => {
      const indexes = pending;
      const batch = indexes === null ? statements : indexes.map((index) => statements[index]!);
      const { n, failures } = await this.#send(kind, scope, batch);
      written += n;
      if (failures.length === 0) return;
      const freed = await this.#freed(scope, failures);
      const again: number[] = [];
      for (const failure of failures) {
        const index = indexes === null ? failure.index : indexes[failure.index]!;
        const isFreed = isDuplicateElsewhere(failure) && freed.has(failure.indexName ?? '');
        if (isFreed || tacticFor(kind, failure) === 'retry') again.push(index);
        else refused.push({ index, failure });
      }
      if (again.length === 0) return;
      pending = again;
      throw new WaybillError(
        'MONGO_TRANSIENT',
        `the target could not take ${again.length} writes to ${scope.namespace} at this moment: ${failures[0]!.message}`,
        { context: { namespace: scope.namespace, serverCode: failures[0]!.code } },
      );
    });
    return { n: written, refused: refused.toSorted((a, b) => a.index - b.index) };
  }

  /** Of the unique indexes that refused something those that do so no more. */
  async #freed(
    { namespace }: WriteScope,
    failures: readonly StatementFailure[],
  ): Promise<ReadonlySet<string>> {
    const freed = new Set<string>();
    const names = new Set(failures.filter(isDuplicateElsewhere).map(({ indexName }) => indexName));
    for (const index of names) {
      if (index !== undefined && (await this.#deps.freeIndex({ namespace, index }))) freed.add(index);
    }
    return freed;
  }

  /** One command, or several smaller ones where it is too large for the server. */
  async #send(
    kind: StatementKind,
    scope: WriteScope,
    statements: readonly Uint8Array[],
  ): Promise<WriteResult> {
    const { target, ownership, queue, stats, metrics, signal } = this.#deps;
    try {
      return await queue.add(async () => {
        throwIfAborted(signal);
        // Looked at last before sending.
        await ownership.held();
        const began = performance.now();
        const result = await target.write({ kind, statements, ...scope }, ownership.tag);
        metrics.loadBatch.observe((performance.now() - began) / 1000);
        stats.batches++;
        return result;
      });
    } catch (error) {
      if (!isTooLarge(error)) throw error;
      if (statements.length === 1) return { n: 0, failures: [asStatementFailure(error)] };
    }
    const half = Math.ceil(statements.length / 2);
    const first = await this.#send(kind, scope, statements.slice(0, half));
    const second = await this.#send(kind, scope, statements.slice(half));
    const later = second.failures.map((failure) => ({ ...failure, index: failure.index + half }));
    return { n: first.n + second.n, failures: [...first.failures, ...later] };
  }

  async #retrying(operation: () => Promise<void>): Promise<void> {
    const { signal, stats, metrics, logger } = this.#deps;
    await retry(operation, WRITE_RETRY, {
      signal,
      onRetry: (error, attempt, delayMs) => {
        stats.retries++;
        metrics.retries.inc({ code: error instanceof WaybillError ? error.code : 'INTERNAL' });
        logger.warnThrottled('a write to the target is tried again', { err: error, attempt, delayMs });
      },
    });
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

/** By another index than that of the `_id`. */
function isDuplicateElsewhere({ code, duplicateId }: StatementFailure): boolean {
  return code === DUPLICATE_KEY && !duplicateId;
}

function isTooLarge(error: unknown): error is WaybillError {
  return hasCode(error, 'MONGO_COMMAND_FAILED') && COMMAND_TOO_LARGE.has(serverCode(error) ?? 0);
}

function asStatementFailure(error: WaybillError): StatementFailure {
  return {
    index: 0,
    code: serverCode(error) ?? 0,
    message: error.message,
    duplicateId: false,
    indexName: undefined,
  };
}
