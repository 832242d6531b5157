/**
 * Sends a batch as one command, or as several smaller ones, until every statement has an answer.
 *
 *   no answer, or may pass      the command goes again
 *   too large, or too slow      two halves, and so on
 *   refused as a whole          two halves too: one document may be to blame. So at most about
 *                               2 · log2(n) commands find it, and its neighbours are written
 *   refused for good            the load stops
 *
 * Halves are not tried for ever: where every statement is refused alone, by a code that nobody has
 * listed, it is the command and not the documents.
 */
import { isTransient, WaybillError } from '@waybill/shared/base/errors';
import { throwIfAborted } from '@waybill/shared/base/lifecycle';
import { failureOf } from '@waybill/shared/mongo/driver/classify';
import { SERVER_CODES } from '@waybill/shared/mongo/driver/server-codes';
import type { Ownership } from '../progress/ownership.ts';
import type { WriteGate } from '../rate/gate.ts';
import { fencedError } from '../target/fenced.ts';
import type { FailedPart } from '../target/rules/error-rule.ts';
import { UNLISTED, type Verdict, verdictOn } from '../target/rules/errors.ts';
import type { LoadTarget, StatementFailure, StatementKind, WriteResult } from '../target/target.ts';
import type { WriteScope } from './batch.ts';
import type { BatchRetries, BatchRetriesDeps } from './batch-retries.ts';

export interface CommandDeps extends BatchRetriesDeps {
  readonly target: LoadTarget;
  readonly ownership: Pick<Ownership, 'held' | 'tag'>;
  /** Decides when a command may go. */
  readonly gate: WriteGate;
  /** Keeps what was learnt of the target. */
  readonly keepLearnt: () => Promise<void>;
}

export interface Command {
  readonly kind: StatementKind;
  readonly scope: WriteScope;
  readonly statements: readonly Uint8Array[];
}

/** With so many refused alone, and none that passed, the command itself is refused. */
const ALONE = 4;
const NO_ANSWER: Verdict = { class: 'transient', reason: 'there was no answer' };

/** Of one batch: commands that passed, and statements that were refused in a command alone. */
interface Tally {
  passed: number;
  alone: number;
  /** It was too much at once, and the target was asked for less since. */
  wasCut: boolean;
}

interface Size {
  readonly documents: number;
  readonly bytes: number;
}

export class Commands {
  readonly #deps: CommandDeps;

  constructor(deps: CommandDeps) {
    this.#deps = deps;
  }

  /** @throws what ends the load, or what `retries` gives up */
  send(command: Command, retries: BatchRetries): Promise<WriteResult> {
    return this.#part(command, retries, { passed: 0, alone: 0, wasCut: false });
  }

  async #part(command: Command, retries: BatchRetries, tally: Tally): Promise<WriteResult> {
    const { statements } = command;
    const size = sizeOf(statements);
    // What is known to be too large is not sent, nor what would be too much at once.
    if (statements.length > 1 && !this.#fits(command.scope, size))
      return this.#halves(command, retries, tally);
    for (;;) {
      try {
        const result = await this.#pass(command, size, retries, tally);
        tally.passed++;
        if (this.#deps.target.learnt.isUnsaved) await this.#keep();
        return result;
      } catch (error) {
        const verdict = this.#judgeCommand(error, statements.length);
        if (verdict.class === 'transient') await retries.failed(error, 'transient', wordsOf(error, verdict));
        else if (statements.length > 1) return this.#smaller(command, retries, tally, { verdict, error });
        else if (++tally.alone >= ALONE && verdict === UNLISTED && tally.passed === 0) throw error;
        else return { n: 0, failures: [asStatementFailure(error)] };
      }
    }
  }

  /** What was learnt while a command passed. */
  async #keep(): Promise<void> {
    const { target, logger, keepLearnt } = this.#deps;
    for (const { what, reason } of target.learnt.facts().filter(({ value }) => value === false)) {
      logger.warn('the target lacks something; the load goes on without it', { what, reason });
    }
    await keepLearnt();
  }

  #fits({ namespace }: WriteScope, { documents, bytes }: Size): boolean {
    const { gate, target } = this.#deps;
    const { limits, learnt } = target;
    return (
      gate.fits({ namespace, documents, bytes }) &&
      documents <= Math.min(limits.batchStatements, learnt.limit('statementsInCommand')) &&
      bytes <= Math.min(limits.batchBytes, learnt.limit('bytesInCommand'))
    );
  }

  /** Where halves pass that did not pass together, batches stay that small. */
  async #smaller(
    command: Command,
    retries: BatchRetries,
    tally: Tally,
    { verdict, error }: { readonly verdict: Verdict; readonly error: unknown },
  ): Promise<WriteResult> {
    const { target, logger, keepLearnt } = this.#deps;
    const { alone } = tally;
    const result = await this.#halves(command, retries, tally);
    // One document was to blame, and not the size of the batch.
    if (verdict.class !== 'split' || tally.alone > alone) return result;
    const half = sizeOf(command.statements.slice(0, halfOf(command)));
    const reason = wordsOf(error, verdict);
    const { learnt } = target;
    const fewer = verdict.learns !== 'bytes' && learnt.lower('statementsInCommand', half.documents, reason);
    const lighter = verdict.learns !== 'statements' && learnt.lower('bytesInCommand', half.bytes, reason);
    if (fewer || lighter) {
      const statements = learnt.limit('statementsInCommand');
      logger.warn('the target takes less at once: commands become smaller', {
        ...(Number.isFinite(statements) && { statements }),
        bytes: half.bytes,
        reason,
      });
      await keepLearnt();
    }
    return result;
  }

  async #halves(command: Command, retries: BatchRetries, tally: Tally): Promise<WriteResult> {
    const { statements } = command;
    const half = halfOf(command);
    const first = await this.#part({ ...command, statements: statements.slice(0, half) }, retries, tally);
    const second = await this.#part({ ...command, statements: statements.slice(half) }, retries, tally);
    const later = second.failures.map((failure) => ({ ...failure, index: failure.index + half }));
    const undurable = first.undurable ?? second.undurable;
    const failures = [...first.failures, ...later];
    return { n: first.n + second.n, failures, ...(undurable && { undurable }) };
  }

  /** Of one statement that a command reports. @throws what ends the load */
  judge({ code, message }: Pick<StatementFailure, 'code' | 'message'>): Verdict {
    const verdict = verdictOn(this.#deps.target.profile.errors, {
      of: 'statement',
      code,
      labels: [],
      message,
    });
    this.#endBy(verdict, () => refusedStatement(code, message));
    return verdict;
  }

  /** Of a write concern that was not met. @throws where it cannot be met */
  judgeConcern(error: WaybillError): void {
    const code = Number(error.context.serverCode);
    const verdict = verdictOn(this.#deps.target.profile.errors, {
      of: 'command',
      code,
      labels: [],
      message: error.message,
    });
    this.#endBy(verdict, () => error);
    if (verdict === UNLISTED && !isTransient(error)) throw error;
  }

  /** A statement that cannot be split is judged by itself. @throws what ends the load */
  #judgeCommand(error: unknown, statements: number): Verdict {
    const ofCommand = this.#ruleFor(error, 'command');
    if (!ofCommand) throw error;
    this.#endBy(ofCommand, () => error);
    if (statements > 1 || ofCommand.class === 'transient') return ofCommand;
    const alone = this.#ruleFor(error, 'statement')!;
    this.#endBy(alone, () => error);
    return alone.class === 'split' ? { ...alone, class: 'transient' } : alone;
  }

  /** Null for what is no answer of a server, and does not pass by itself. */
  #ruleFor(error: unknown, of: FailedPart): Verdict | null {
    const failure = failureOf(error);
    if (failure?.code === undefined) return isTransient(error) ? NO_ANSWER : null;
    const { code, labels, message } = failure;
    return verdictOn(this.#deps.target.profile.errors, { of, code, labels, message });
  }

  #endBy({ class: kind, hint }: Verdict, error: () => unknown): void {
    const { load, epoch } = this.#deps.ownership.tag;
    if (kind === 'fenced') throw fencedError(load, epoch);
    if (kind === 'fatal') throw withHint(error(), hint);
  }

  #pass(command: Command, size: Size, retries: BatchRetries, tally: Tally): Promise<WriteResult> {
    const { namespace } = command.scope;
    return this.#deps.gate.pass({ namespace, ...size }, (waitedMs) => {
      retries.waited(waitedMs);
      return this.#sendNow(command, tally);
    });
  }

  async #sendNow({ kind, scope, statements }: Command, tally: Tally): Promise<WriteResult> {
    const { target, ownership, gate, stats, metrics, signal } = this.#deps;
    throwIfAborted(signal);
    // The last look before sending.
    await ownership.held();
    const began = performance.now();
    try {
      const result = await target.write({ kind, statements, ...scope }, ownership.tag);
      metrics.loadBatch.observe((performance.now() - began) / 1000);
      stats.batches++;
      if (result.failures.some((failure) => this.judge(failure).pushesBack)) gate.pushedBack(scope.namespace);
      return result;
    } catch (error) {
      const verdict = this.#ruleFor(error, 'command');
      const isCut = verdict?.class === 'split' && statements.length > 1;
      // Halves that are still too large are no sign of too many writes.
      if (verdict?.pushesBack && !(isCut && tally.wasCut)) gate.pushedBack(scope.namespace);
      if (isCut) tally.wasCut = true;
      throw error;
    }
  }
}

const halfOf = ({ statements }: Command): number => Math.ceil(statements.length / 2);

function wordsOf(error: unknown, { reason }: Verdict): string {
  return failureOf(error)?.message ?? reason;
}

function sizeOf(statements: readonly Uint8Array[]): Size {
  return { documents: statements.length, bytes: statements.reduce((sum, { length }) => sum + length, 0) };
}

function withHint(error: unknown, hint: string | undefined): unknown {
  if (!(error instanceof WaybillError) || error.hint !== undefined || hint === undefined) return error;
  const { code, message, context, kind, cause } = error;
  return new WaybillError(code, message, { hint, context, kind, cause });
}

/** One statement failed for a reason that all others share. */
function refusedStatement(code: number, message: string): WaybillError {
  const isRights = code === SERVER_CODES.Unauthorized;
  return new WaybillError(
    isRights ? 'MONGO_UNAUTHORIZED' : 'MONGO_COMMAND_FAILED',
    `the target refuses what the load writes: ${message} (code ${code})`,
    { context: { serverCode: code } },
  );
}

function asStatementFailure(error: unknown): StatementFailure {
  const failure = failureOf(error);
  return {
    index: 0,
    code: failure?.code ?? 0,
    message: failure?.message ?? '',
    duplicateId: false,
    indexName: undefined,
  };
}
