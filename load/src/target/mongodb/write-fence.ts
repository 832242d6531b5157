/**
 * Once a later owner of the load has come, the server itself refuses batches of earlier owners,
 * however late they arrive: also a batch that a process had checked before it was suspended, and
 * sent when it woke up (decision 0004).
 *
 *   slot      a logical session. Every owner of the load derives its id alike, from a key in the
 *             owner document. One write at a time goes through it
 *   number    the session's transaction number: the owner's epoch, then a count
 *   shut out  the new owner sends a retryable write through every slot, with the first number of
 *             its epoch
 *
 * A batch is a retryable write or a transaction. Unconditional changes of progress are retryable
 * writes too.
 *
 * 1. A server refuses a number below the highest that it has seen in a session, and lets one
 *    command at a time into it. So the new owner's write waits for what runs there, ends a
 *    transaction that was not committed, and from then on an older epoch is refused.
 * 2. The server keeps the number of a retryable write in the replicated `config.transactions`, so
 *    an election changes nothing.
 * 3. An owner shuts out its own attempts in the same way. A batch without an answer may still be
 *    under way, and arrive after newer states of its documents. So a write with a higher number
 *    goes through that slot before anything else is sent.
 *
 * Retryable writes cost a server two fifths more for updates and deletes, and next to nothing for
 * inserts. A transaction of many updates or deletes costs it less than plain writes.
 *
 * Rejected: batches whose statements have the internal id -1, of which a server records nothing. An
 * insert of that kind ends the process of a 4.0 server.
 *
 * Every takeover of a load tries out whether the server does this. A mongos does not: each shard
 * would have to see the new number.
 */
import { createHash } from 'node:crypto';
import { WaybillError } from '@waybill/shared/base/errors';
import { DEFAULT_RETRY, retry } from '@waybill/shared/base/retry';
import { buildArray, buildDocument, doc, uuid } from '@waybill/shared/bson/build';
import { hasServerCode, saysNotSupported, serverCode } from '@waybill/shared/mongo/driver/classify';
import type { MongoConnection, Session } from '@waybill/shared/mongo/driver/connection';
import { rawArray } from '@waybill/shared/mongo/driver/raw-value';
import type { CommandReply } from '@waybill/shared/mongo/driver/reply';
import { fencedError } from '../fenced.ts';
import type { ProgressChange } from '../progress-store.ts';
import type { FenceRequest } from '../target.ts';
import { type Execute, PROBE, updateProgress } from './progress-store.ts';
import { writeOutcome } from './write-outcome.ts';

interface Slot {
  readonly id: Buffer;
  readonly session: Session;
  readonly index: number;
  /** The last one used. */
  number: bigint;
}

export interface WriteFenceDeps {
  readonly connection: MongoConnection;
  readonly progressDatabase: string;
  /** As long as an older batch may run: a write that waits for it must not give up before. */
  readonly maxWriteMs: number;
  /** Of batches. What shuts out is acknowledged by a majority. */
  readonly writeConcern: { readonly w: number | string };
  readonly signal: AbortSignal | undefined;
}

export class WriteFence {
  readonly #deps: WriteFenceDeps;
  readonly #request: FenceRequest;
  readonly #slots: readonly Slot[];
  readonly #free: Slot[];
  /** The last command through these got no answer, so it may still arrive. */
  readonly #unanswered = new Set<Slot>();
  #closing: Promise<void> | null = null;

  private constructor(deps: WriteFenceDeps, request: FenceRequest, slots: readonly Slot[]) {
    this.#deps = deps;
    this.#request = request;
    this.#slots = slots;
    this.#free = slots.slice(0, request.slots);
  }

  /** Null where the server cannot do so. @throws LOAD_FENCED, MONGO_*, the signal's reason */
  static async raise(deps: WriteFenceDeps, request: FenceRequest): Promise<WriteFence | null> {
    if (deps.connection.server.topology !== 'replicaSet') return null;
    const { epoch } = request.tag;
    const slots = await Promise.all(
      Array.from({ length: request.allSlots }, async (_, index) => {
        const id = slotId(request, index);
        const session = await deps.connection.startSession({ id });
        return { id, session, index, number: BigInt(epoch) << 32n };
      }),
    );
    const fence = new WriteFence(deps, request, slots);
    if (await fence.#shutOut()) return fence;
    await Promise.all(slots.map(({ session }) => session.end()));
    return null;
  }

  /** Sends it as a retryable write. @throws LOAD_FENCED, what `execute` throws */
  send<T>(execute: Execute<T>): Promise<T> {
    return this.#inSlot(({ session, number }) => execute({ txnNumber: number }, session));
  }

  /**
   * Sends a batch as a transaction, which costs a server less than half for updates and deletes.
   * Null where the server did not take it as a whole, for instance because it refused one of the
   * statements. @throws LOAD_FENCED, MONGO_* without an answer
   */
  sendWhole(execute: Execute<CommandReply>): Promise<CommandReply | null> {
    return this.#inSlot(async ({ session, number }) => {
      const { connection, maxWriteMs, writeConcern } = this.#deps;
      const transaction = { txnNumber: number, autocommit: false };
      const end = (command: object): Promise<CommandReply> =>
        connection.command('admin', { ...command, ...transaction }, { session });
      try {
        const reply = await execute({ ...transaction, startTransaction: true }, session);
        if (writeOutcome(reply).writeErrors.length === 0) {
          const ending = await end({ commitTransaction: 1, writeConcern, maxTimeMS: maxWriteMs });
          return { ...reply, writeConcernError: ending.writeConcernError };
        }
      } catch (error) {
        if (this.#isFenced(error) || !isAnswered(error)) throw error;
      }
      // A transaction left open holds its locks until the slot's next batch, or for a minute.
      // Mostly the server has ended it by itself.
      await end({ abortTransaction: 1 }).catch((error: unknown) => {
        if (!isAnswered(error)) throw error;
      });
      return null;
    });
  }

  /**
   * Servers forget sessions that nobody used for half an hour, and with them the highest number.
   */
  async refresh(): Promise<void> {
    const ids = this.#slots.map(({ id }) => doc(buildDocument([['id', uuid(id)]])));
    await this.#deps.connection.command('admin', { refreshSessions: rawArray(buildArray(ids)) });
  }

  async #inSlot<T>(use: (slot: Slot) => Promise<T>): Promise<T> {
    while (this.#unanswered.size > 0) await this.#closeUnanswered();
    const slot = this.#free.pop();
    if (!slot) throw new WaybillError('INTERNAL', 'more writes are sent at once than there are slots');
    slot.number++;
    try {
      return await use(slot);
    } catch (error) {
      if (this.#isFenced(error)) throw this.#fenced();
      if (!isAnswered(error)) this.#unanswered.add(slot);
      throw error;
    } finally {
      this.#free.push(slot);
    }
  }

  /** Batches that come meanwhile wait for the same. */
  async #closeUnanswered(): Promise<void> {
    this.#closing ??= this.#close([...this.#unanswered]).finally(() => {
      this.#closing = null;
    });
    await this.#closing;
  }

  /** One attempt each: whoever sends a batch or progress retries, and this with it. */
  async #close(slots: readonly Slot[]): Promise<void> {
    try {
      for (const slot of slots) {
        slot.number++;
        await this.#announce(slot);
        this.#unanswered.delete(slot);
      }
    } catch (error) {
      throw this.#isFenced(error) ? this.#fenced() : error;
    }
  }

  async #shutOut(): Promise<boolean> {
    try {
      await Promise.all(this.#slots.map((slot) => this.#retrying(() => this.#announce(slot))));
      return await this.#refusesOlder(this.#slots[0]!);
    } catch (error) {
      if (this.#isFenced(error)) throw this.#fenced();
      if (saysNotSupported(error)) return false;
      throw error;
    }
  }

  /** The write must change something: otherwise it leaves no trace in `config.transactions`. */
  async #announce(slot: Slot): Promise<void> {
    const { tag, documentOf } = this.#request;
    const set = { kind: 'slot', ...tag, number: Number(slot.number) };
    await this.#update({ id: documentOf(slot.index), set, upsert: true }, slot, slot.number);
  }

  async #refusesOlder(slot: Slot): Promise<boolean> {
    const announced = slot.number;
    slot.number++;
    // The first fails only where a later owner has come. The second must fail, by what was
    // announced.
    await this.#retrying(() => this.#update(PROBE, slot, slot.number));
    try {
      await this.#retrying(() => this.#update(PROBE, slot, announced - 1n));
      return false;
    } catch (error) {
      if (!this.#isFenced(error)) throw error;
      return true;
    }
  }

  async #update(change: ProgressChange, { session }: Slot, txnNumber: bigint): Promise<void> {
    const { connection, progressDatabase, maxWriteMs, signal } = this.#deps;
    const options = { fields: { txnNumber, maxTimeMS: maxWriteMs }, session, signal };
    await updateProgress(connection, progressDatabase, [change], options);
  }

  #retrying(operation: () => Promise<void>): Promise<void> {
    return retry(operation, DEFAULT_RETRY, { signal: this.#deps.signal });
  }

  #isFenced(error: unknown): boolean {
    return hasServerCode(error, 'TransactionTooOld');
  }

  #fenced(): WaybillError {
    return fencedError(this.#request.tag.load, this.#request.tag.epoch);
  }
}

/** A server that answers is done with the command, in whatever way. */
function isAnswered(error: unknown): boolean {
  return serverCode(error) !== undefined;
}

/** The same for all who have the key. */
function slotId({ key }: FenceRequest, index: number): Buffer {
  const hash = createHash('sha256').update(`waybill ${key} ${index}`);
  const id = hash.digest().subarray(0, 16);
  // A UUID of version 8: of the maker's own choice.
  id[6] = (id[6]! & 0x0f) | 0x80;
  id[8] = (id[8]! & 0x3f) | 0x80;
  return id;
}
