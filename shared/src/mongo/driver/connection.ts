/**
 * A connection to a deployment, for everything above this folder. Which driver stands behind it
 * (driver.ts) shows nowhere, and no value object of a driver crosses this border: see raw-value.ts
 * for what goes in and reply.ts for what comes out. Commands are not retried here.
 */
import type { CommandReply } from './reply.ts';
import type { ServerInfo } from './server-info.ts';

export type Role = 'source' | 'target';
export type ReadPreference = 'primary' | 'secondaryPreferred';

export interface CommandOptions {
  readonly signal?: AbortSignal | undefined;
  readonly session?: Session | undefined;
  /** Ignored with a session: it was chosen when the session started. */
  readonly readPreference?: ReadPreference | undefined;
}

/**
 * Commands of one logical session go to one server where several could take them (several mongos,
 * several secondaries), so that a getMore reaches the server that holds its cursor. End it; an
 * ended one must not be used.
 */
export interface Session extends AsyncDisposable {
  end(): Promise<void>;
}

export interface SessionOptions {
  readonly readPreference?: ReadPreference | undefined;
  readonly signal?: AbortSignal | undefined;
  /**
   * Read through a connection of the session's own, where there can be one: far cheaper for replies
   * of megabytes. One cursor at a time. Buffers in a reply are overwritten by the command after the
   * next one, or after the session's end.
   */
  readonly bulk?: boolean | undefined;
  /**
   * The session's id on the server, 16 bytes; by default one of its own. Such a session outlives
   * its end here, since others may use the id too.
   */
  readonly id?: Uint8Array | undefined;
}

export interface MongoConnection extends AsyncDisposable {
  readonly role: Role;
  /** The host list of the connection string, without credentials and options: for messages. */
  readonly url: string;
  readonly server: ServerInfo;
  /**
   * Runs a command. Values of RawField and RawSequence are allowed at its top level; bigint becomes
   * int64. Rejects with WaybillErrors (MONGO_*; see classify.ts for the server's code behind them),
   * or with the signal's reason, at once. A reply with writeErrors or a writeConcernError is not an
   * error here: see write-outcome.ts.
   */
  command(
    database: string,
    command: Readonly<Record<string, unknown>>,
    options?: CommandOptions,
  ): Promise<CommandReply>;
  startSession(options?: SessionOptions): Promise<Session>;
  close(): Promise<void>;
}
