/**
 * Sends statements to the target until each of them has succeeded or is refused for good.
 *
 * A batch whose outcome is not known (network, election, time limit) is sent again whole. Inserts
 * that had succeeded turn up as duplicates, and the writer makes them replaces. Upserts and deletes
 * of last states may be repeated at will. A stop does not abort batches in flight: their callers
 * wait for them, so ownership is released after the last.
 */
import { hasCode, WaybillError } from '@waybill/shared/base/errors';
import { throwIfAborted } from '@waybill/shared/base/lifecycle';
import type { Logger } from '@waybill/shared/base/logger';
import type { Metrics } from '@waybill/shared/base/metrics';
import { DEFAULT_RETRY, Retries, type RetryPolicy } from '@waybill/shared/base/retry';
import type { LoadStats } from '@waybill/shared/base/stats';
import { failureOf, serverCode } from '@waybill/shared/mongo/driver/classify';
import {
  isCommandTooLargeCode,
  isPushBackCode,
  isTransientServerCode,
  SERVER_CODES,
} from '@waybill/shared/mongo/driver/server-codes';
import type { Ownership } from '../progress/ownership.ts';
import type { WriteGate } from '../rate/gate.ts';
import type { RestoredIndexes } from '../structure/restored-indexes.ts';
import type { LoadTarget, StatementFailure, StatementKind, WriteResult } from '../target/target.ts';
import type { WriteScope } from './batch.ts';
import { tacticFor } from './write-errors.ts';

export interface SenderDeps {
  readonly target: LoadTarget;
  readonly ownership: Pick<Ownership, 'held' | 'tag'>;
  /** Takes an index that refused a document out of the way, if it may. */
  readonly indexes: Pick<RestoredIndexes, 'free' | 'setAside'>;
  /** Decides when a command may go. */
  readonly gate: WriteGate;
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
  /** How often the server refused it. */
  readonly attempts: number;
}

/** A server that is away longer than this stops the load. The next start goes on where it was. */
const WRITE_RETRY: RetryPolicy = { ...DEFAULT_RETRY, maxElapsedMs: 300_000 };
const NOTHING: ReadonlySet<string> = new Set();

export class StatementSender {
  readonly #deps: SenderDeps;

  constructor(deps: SenderDeps) {
    this.#deps = deps;
  }

  /** Executes every statement, and returns those that the server refused for good. */
  async execute(
    kind: StatementKind,
    scope: WriteScope,
    statements: readonly Uint8Array[],
  ): Promise<Executed> {
    const retries = this.#retries();
    const refused: Refused[] = [];
    let n = 0;
    /** Indexes of the statements still to be executed; null: all of them. */
    let pending: readonly number[] | null = null;
    const triedAgain = new Set<string>();
    for (let attempts = 1; ; attempts++) {
      const indexes: readonly number[] | null = pending;
      const batch = indexes === null ? statements : indexes.map((index) => statements[index]!);
      const result = await this.#sendUntilAnswered(retries, kind, scope, batch);
      n += result.n;
      const { failures } = result;
      if (failures.length === 0) break;
      // Outside of this batch's retries: what changes an index has retries of its own.
      const mayPass = await this.#mayPass(kind, scope, failures, triedAgain);
      const again: number[] = [];
      for (const failure of failures) {
        const index = indexes === null ? failure.index : indexes[failure.index]!;
        if (mayPass(failure)) again.push(index);
        else refused.push({ index, failure, attempts });
      }
      if (again.length === 0) break;
      pending = again;
      await retries.failed(notAtThisMoment(scope, again.length, failures[0]!));
    }
    return { n, refused: refused.toSorted((a, b) => a.index - b.index) };
  }

  #retries(): Retries {
    const { signal, stats, metrics, logger } = this.#deps;
    return new Retries(WRITE_RETRY, {
      signal,
      onRetry: (error, attempt, delayMs) => {
        stats.retries++;
        metrics.retries.inc({ code: error instanceof WaybillError ? error.code : 'INTERNAL' });
        logger.warnThrottled('a write to the target is tried again', { err: error, attempt, delayMs });
      },
    });
  }

  async #sendUntilAnswered(
    retries: Retries,
    kind: StatementKind,
    scope: WriteScope,
    batch: readonly Uint8Array[],
  ): Promise<WriteResult> {
    for (;;) {
      try {
        return await this.#send(retries, kind, scope, batch);
      } catch (error) {
        await retries.failed(error);
      }
    }
  }

  /** Tells which of the refused statements may succeed now: an index may be out of their way. */
  async #mayPass(
    kind: StatementKind,
    scope: WriteScope,
    failures: readonly StatementFailure[],
    triedAgain: Set<string>,
  ): Promise<(failure: StatementFailure) => boolean> {
    const freed = await this.#freed(scope, failures);
    const aside = kind === 'delete' ? NOTHING : await this.#setAside(scope, failures, triedAgain);
    return (failure) =>
      (isDuplicateElsewhere(failure) && freed.has(failure.indexName ?? '')) ||
      aside.has(refusalKey(failure)) ||
      tacticFor(kind, failure) === 'retry';
  }

  /** The unique indexes that no longer refuse anything. */
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
   * The refusals without an index's name that no index causes any more. An index may have gone
   * before, because another lane met it first: then the statement is tried again, once.
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

  /** Sends one command, or several smaller ones where it is too large for the server. */
  async #send(
    retries: Retries,
    kind: StatementKind,
    scope: WriteScope,
    statements: readonly Uint8Array[],
  ): Promise<WriteResult> {
    const { gate } = this.#deps;
    const bytes = statements.reduce((sum, { length }) => sum + length, 0);
    const size = { namespace: scope.namespace, documents: statements.length, bytes };
    try {
      return await gate.pass(size, (waitedMs) => {
        retries.waited(waitedMs);
        return this.#sendNow(kind, scope, statements);
      });
    } catch (error) {
      if (!isTooLarge(error)) throw error;
      if (statements.length === 1) return { n: 0, failures: [asStatementFailure(error)] };
    }
    const half = Math.ceil(statements.length / 2);
    const first = await this.#send(retries, kind, scope, statements.slice(0, half));
    const second = await this.#send(retries, kind, scope, statements.slice(half));
    const later = second.failures.map((failure) => ({ ...failure, index: failure.index + half }));
    return { n: first.n + second.n, failures: [...first.failures, ...later] };
  }

  async #sendNow(
    kind: StatementKind,
    scope: WriteScope,
    statements: readonly Uint8Array[],
  ): Promise<WriteResult> {
    const { target, ownership, gate, stats, metrics, signal } = this.#deps;
    throwIfAborted(signal);
    // The last look before sending.
    await ownership.held();
    const began = performance.now();
    try {
      const result = await target.write({ kind, statements, ...scope }, ownership.tag);
      metrics.loadBatch.observe((performance.now() - began) / 1000);
      stats.batches++;
      if (result.failures.some(({ code }) => isPushBackCode(code))) gate.pushedBack(scope.namespace);
      return result;
    } catch (error) {
      if (isPushBack(error)) gate.pushedBack(scope.namespace);
      throw error;
    }
  }
}

/** A duplicate in another index than that of the `_id`. */
function isDuplicateElsewhere({ code, duplicateId }: StatementFailure): boolean {
  return code === SERVER_CODES.DuplicateKey && !duplicateId;
}

function notAtThisMoment({ namespace }: WriteScope, writes: number, first: StatementFailure): WaybillError {
  return new WaybillError(
    'MONGO_TRANSIENT',
    `the target could not take ${writes} writes to ${namespace} at this moment: ${first.message}`,
    { context: { namespace, serverCode: first.code } },
  );
}

function refusalKey({ code, message }: StatementFailure): string {
  return `${code} ${message}`;
}

function isPushBack(error: unknown): boolean {
  const failure = failureOf(error);
  return isPushBackCode(failure?.code) || (failure?.labels.includes('SystemOverloadedError') ?? false);
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
