/**
 * Sends statements to the target until each of them has succeeded or is refused for good.
 *
 * A batch whose outcome is not known (network, election, time limit, write concern) is sent again:
 * all of it that is not refused. Inserts that had succeeded turn up as duplicates, and the writer
 * makes them replaces. Upserts and deletes of last states may be repeated at will. A stop does not
 * abort batches in flight: their callers wait for them, so ownership is released after the last.
 */
import { WaybillError } from '@waybill/shared/base/errors';
import { SERVER_CODES } from '@waybill/shared/mongo/driver/server-codes';
import type { RestoredIndexes } from '../structure/restored-indexes.ts';
import type { StatementFailure, StatementKind } from '../target/target.ts';
import type { WriteScope } from './batch.ts';
import { BatchRetries } from './batch-retries.ts';
import { type CommandDeps, Commands } from './commands.ts';
import { type Tactic, tacticFor } from './write-errors.ts';

export interface SenderDeps extends CommandDeps {
  /** Takes an index that refused a document out of the way, if it may. */
  readonly indexes: Pick<RestoredIndexes, 'free' | 'setAside'>;
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
  /** What else may bring the document there. */
  readonly tactic: Tactic;
}

const NOTHING: ReadonlySet<string> = new Set();

type MayPass = (failure: StatementFailure) => boolean;

export class StatementSender {
  readonly #deps: SenderDeps;
  readonly #commands: Commands;

  constructor(deps: SenderDeps) {
    this.#deps = deps;
    this.#commands = new Commands(deps);
  }

  /** Executes every statement, and returns those that the server refused for good. */
  async execute(
    kind: StatementKind,
    scope: WriteScope,
    statements: readonly Uint8Array[],
  ): Promise<Executed> {
    using retries = new BatchRetries(this.#deps);
    const refused: Refused[] = [];
    let n = 0;
    /** Indexes of the statements still to be executed; null: all of them. */
    let pending: readonly number[] | null = null;
    const triedAgain = new Set<string>();
    for (let attempts = 1; ; attempts++) {
      const indexes: readonly number[] | null = pending;
      const batch: readonly Uint8Array[] =
        indexes === null ? statements : indexes.map((index) => statements[index]!);
      const result = await this.#commands.send({ kind, scope, statements: batch }, retries);
      const { failures, undurable } = result;
      if (!undurable) n += result.n;
      if (failures.length === 0 && !undurable) break;
      // Outside of this batch's retries: what changes an index has retries of its own.
      const mayPass = await this.#mayPass(kind, scope, failures, triedAgain);
      const again = new Set<number>(undurable ? batch.keys() : []);
      for (const failure of failures) {
        const index = indexes === null ? failure.index : indexes[failure.index]!;
        if (mayPass(failure)) again.add(failure.index);
        else {
          again.delete(failure.index);
          refused.push({ index, failure, attempts, tactic: this.#tactic(kind, failure) });
        }
      }
      if (again.size === 0) break;
      pending = [...again].map((at) => (indexes === null ? at : indexes[at]!));
      const reason = undurable ?? failures.find(({ index }) => again.has(index))!;
      await this.#wait(retries, scope, again.size, reason);
    }
    const left = refused.filter(({ tactic }) => tactic !== 'done');
    return { n, refused: left.toSorted((a, b) => a.index - b.index) };
  }

  /** @throws where the write concern cannot be met, or never is */
  async #wait(
    retries: BatchRetries,
    scope: WriteScope,
    writes: number,
    reason: StatementFailure | WaybillError,
  ): Promise<void> {
    if (reason instanceof WaybillError) {
      this.#commands.judgeConcern(reason);
      await retries.failed(reason, 'transient', reason.message);
    } else {
      const { class: kind } = this.#commands.judge(reason);
      await retries.failed(notAtThisMoment(scope, writes, reason), kind, reason.message);
    }
  }

  #tactic(kind: StatementKind, failure: StatementFailure): Tactic {
    return this.#commands.judge(failure).class === 'recoverable' ? tacticFor(kind, failure) : 'refuse';
  }

  /** Tells which of the refused statements may succeed now: an index may be out of their way. */
  async #mayPass(
    kind: StatementKind,
    scope: WriteScope,
    failures: readonly StatementFailure[],
    triedAgain: Set<string>,
  ): Promise<MayPass> {
    const freed = await this.#freed(scope, failures);
    const aside = kind === 'delete' ? NOTHING : await this.#setAside(scope, failures, triedAgain);
    return (failure) =>
      (isDuplicateElsewhere(failure) && freed.has(failure.indexName ?? '')) ||
      aside.has(refusalKey(failure)) ||
      this.#passes(failure);
  }

  /** The same statement may succeed later. */
  #passes(failure: StatementFailure): boolean {
    const { class: kind } = this.#commands.judge(failure);
    return kind === 'transient' || kind === 'split';
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
      if (aside.has(key) || failure.code === SERVER_CODES.DuplicateKey || this.#passes(failure)) continue;
      const outcome = await this.#deps.indexes.setAside(namespace, failure);
      if (outcome === 'none' || (outcome === 'before' && triedAgain.has(key))) continue;
      if (outcome === 'before') triedAgain.add(key);
      aside.add(key);
    }
    return aside;
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
