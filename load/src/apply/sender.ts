/**
 * Sends statements to the target until each of them has succeeded or is refused for good.
 *
 * A batch whose outcome is not known (network, election, time limit) is sent again whole: inserts
 * that had succeeded turn up as duplicates, which the writer makes replaces; upserts and deletes of
 * last states may be repeated at will. Batches in flight are not aborted on a stop: their callers
 * wait for them, so that ownership is released after the last.
 */
import { hasCode, WaybillError } from '@waybill/shared/base/errors';
import { throwIfAborted } from '@waybill/shared/base/lifecycle';
import type { Logger } from '@waybill/shared/base/logger';
import type { Metrics } from '@waybill/shared/base/metrics';
import { DEFAULT_RETRY, type RetryPolicy, retry } from '@waybill/shared/base/retry';
import type { LoadStats } from '@waybill/shared/base/stats';
import { serverCode } from '@waybill/shared/mongo/driver/classify';
import {
  isCommandTooLargeCode,
  isTransientServerCode,
  SERVER_CODES,
} from '@waybill/shared/mongo/driver/server-codes';
import type PQueue from 'p-queue';
import type { Ownership } from '../progress/ownership.ts';
import type { RestoredIndexes } from '../structure/restored-indexes.ts';
import type { LoadTarget, StatementFailure, StatementKind, WriteResult } from '../target/target.ts';
import type { WriteScope } from './batch.ts';
import { tacticFor } from './write-errors.ts';

export interface SenderDeps {
  readonly target: LoadTarget;
  readonly ownership: Pick<Ownership, 'held' | 'tag'>;
  /** Asked of an index that refused a document: whether it is out of the way now. */
  readonly indexes: Pick<RestoredIndexes, 'free' | 'setAside'>;
  /** Bounds the commands in flight. */
  readonly queue: PQueue;
  readonly stats: LoadStats;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Ends waits between attempts; a batch in flight is always waited for. */
  readonly signal: AbortSignal;
}

export interface Executed {
  readonly n: number;
  readonly refused: readonly Refused[];
}

export interface Refused {
  readonly index: number;
  readonly failure: StatementFailure;
}

/**
 * A server that is away longer than this stops the load; it goes on where it was when it is started
 * again.
 */
const WRITE_RETRY: RetryPolicy = { ...DEFAULT_RETRY, maxElapsedMs: 300_000 };
const NOTHING: ReadonlySet<string> = new Set();

export class StatementSender {
  readonly #deps: SenderDeps;

  constructor(deps: SenderDeps) {
    this.#deps = deps;
  }

  /** Executes every statement; gives back those that the server refused for good. */
  async execute(
    kind: StatementKind,
    scope: WriteScope,
    statements: readonly Uint8Array[],
  ): Promise<Executed> {
    const refused: Refused[] = [];
    let written = 0;
    /**
     * What is still to be done, as indexes into `statements`; shrinks while parts of it succeed.
     */
    let pending: readonly number[] | null = null;
    const triedAgain = new Set<string>();
    await this.#retrying(async () => {
      const indexes = pending;
      const batch = indexes === null ? statements : indexes.map((index) => statements[index]!);
      const { n, failures } = await this.#send(kind, scope, batch);
      written += n;
      if (failures.length === 0) return;
      const freed = await this.#freed(scope, failures);
      const aside = kind === 'delete' ? NOTHING : await this.#setAside(scope, failures, triedAgain);
      const again: number[] = [];
      for (const failure of failures) {
        const index = indexes === null ? failure.index : indexes[failure.index]!;
        const isFreed = isDuplicateElsewhere(failure) && freed.has(failure.indexName ?? '');
        if (isFreed || aside.has(refusalKey(failure)) || tacticFor(kind, failure) === 'retry')
          again.push(index);
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
      if (index !== undefined && (await this.#deps.indexes.free({ namespace, index }))) freed.add(index);
    }
    return freed;
  }

  /**
   * Of refusals without the name of an index those that no index stands in the way of any more.
   * Where it had gone before, another lane may have met it first: then it is tried again, once.
   */
  async #setAside(
    { namespace }: WriteScope,
    failures: readonly StatementFailure[],
    triedAgain: Set<string>,
  ): Promise<ReadonlySet<string>> {
    const aside = new Set<string>();
    for (const failure of failures) {
      const key = refusalKey(failure);
      if (aside.has(key) || failure.code === SERVER_CODES.DuplicateKey || isTransientServerCode(failure.code))
        continue;
      const outcome = await this.#deps.indexes.setAside(namespace, failure);
      if (outcome === 'none' || (outcome === 'before' && triedAgain.has(key))) continue;
      if (outcome === 'before') triedAgain.add(key);
      aside.add(key);
    }
    return aside;
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
}

/** By another index than that of the `_id`. */
function isDuplicateElsewhere({ code, duplicateId }: StatementFailure): boolean {
  return code === SERVER_CODES.DuplicateKey && !duplicateId;
}

function refusalKey({ code, message }: StatementFailure): string {
  return `${code} ${message}`;
}

function isTooLarge(error: unknown): error is WaybillError {
  return hasCode(error, 'MONGO_COMMAND_FAILED') && isCommandTooLargeCode(serverCode(error));
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
