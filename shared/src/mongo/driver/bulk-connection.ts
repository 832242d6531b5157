/**
 * Runs commands over a socket of their own, for cursors that read very much. bulk-socket.ts says
 * what that saves.
 */
import type { MongoClient, ReadPreferenceMode } from 'mongodb';
import { throwIfAborted } from '../../base/lifecycle.ts';
import { openBulkSocket, type ReadySocket } from './bulk-handshake.ts';
import type { BulkSocket } from './bulk-socket.ts';
import type { Driver } from './driver.ts';
import { COMMAND_OPTIONS } from './reply.ts';

const OP_MSG = 2013;
/** Header (16), flags (4), kind of section (1). */
const BODY_AT = 21;
const KIND_BODY = 0;

export class BulkConnection {
  readonly #driver: Driver;
  readonly #socket: BulkSocket;
  readonly #knowsSessions: boolean;
  readonly #readPreference: object;
  #requests = 0;

  private constructor(driver: Driver, { socket, knowsSessions }: ReadySocket, mode: ReadPreferenceMode) {
    this.#driver = driver;
    this.#socket = socket;
    this.#knowsSessions = knowsSessions;
    this.#readPreference = { mode };
  }

  /** Null if no bulk connection is possible. Rejects with the driver's errors. */
  static async open(
    driver: Driver,
    client: MongoClient,
    mode: ReadPreferenceMode,
  ): Promise<BulkConnection | null> {
    const ready = await openBulkSocket(driver, client, mode);
    if (!ready) return null;
    // A direct connection reads from its one server, primary or not.
    const isDirect = client.options.directConnection === true;
    return new BulkConnection(driver, ready, isDirect && mode === 'primary' ? 'primaryPreferred' : mode);
  }

  /**
   * Sends a command that the encoder has prepared, and gives its reply as the driver would. Takes
   * one command at a time. An abort ends the connection. Errors are of the driver's classes.
   */
  async command(
    database: string,
    command: Readonly<Record<string, unknown>>,
    { sessionId, signal }: { readonly sessionId: unknown; readonly signal: AbortSignal | undefined },
  ): Promise<Record<string, unknown>> {
    throwIfAborted(signal);
    const give = (): void => this.#socket.destroy();
    signal?.addEventListener('abort', give, { once: true });
    try {
      const message = await this.#request(this.#message(database, command, sessionId));
      return this.#parse(message);
    } catch (error) {
      throwIfAborted(signal);
      throw error;
    } finally {
      signal?.removeEventListener('abort', give);
    }
  }

  /** The caller must be done with all replies. */
  close(): void {
    this.#socket.close();
  }

  #message(database: string, command: Readonly<Record<string, unknown>>, sessionId: unknown): Buffer {
    const { BSON } = this.#driver.module;
    const lsid = this.#knowsSessions ? { lsid: sessionId } : {};
    const body = BSON.serialize(
      { ...command, ...lsid, $db: database, $readPreference: this.#readPreference },
      { ignoreUndefined: true },
    );
    const message = Buffer.alloc(BODY_AT + body.length);
    message.writeInt32LE(message.length, 0);
    message.writeInt32LE(++this.#requests, 4);
    message.writeInt32LE(OP_MSG, 12);
    message.set(body, BODY_AT);
    return message;
  }

  async #request(message: Buffer): Promise<Buffer> {
    try {
      return await this.#socket.request(message);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      throw new this.#driver.module.MongoNetworkError(text, { cause: error as Error });
    }
  }

  #parse(message: Buffer): Record<string, unknown> {
    const { BSON, MongoServerError, MongoNetworkError } = this.#driver.module;
    const isOurs =
      message.readInt32LE(8) === this.#requests &&
      message.readInt32LE(12) === OP_MSG &&
      message.readUInt32LE(16) === 0 &&
      message[BODY_AT - 1] === KIND_BODY;
    if (!isOurs) {
      this.#socket.destroy();
      throw new MongoNetworkError('the server sent a reply of an unknown form');
    }
    const reply = BSON.deserialize(message.subarray(BODY_AT), COMMAND_OPTIONS as object);
    if (reply.ok !== 1) throw new MongoServerError(reply);
    return reply;
  }
}
