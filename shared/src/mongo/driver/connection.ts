/**
 * A connection to a deployment, for everything above this folder. It does not show which driver
 * stands behind it (driver.ts), and no value object of a driver crosses this border. raw-value.ts
 * says what goes in, and reply.ts what comes out. Commands are not retried here.
 */
import type { CommandReply } from './reply.ts';
import type { ServerInfo } from './server-info.ts';

export type Role = 'source' | 'target';
export type ReadPreference = 'primary' | 'secondaryPreferred';

export interface CommandOptions {
  readonly signal?: AbortSignal | undefined;
  readonly session?: Session | undefined;
  /** Ignored with a session, which chose its own when it started. */
  readonly readPreference?: ReadPreference | undefined;
}

/**
 * The commands of one logical session go to one server, even if several could take them (several
 * mongos, several secondaries). So a getMore reaches the server that holds its cursor. End the
 * session; an ended one must not be used.
 */
export interface Session extends AsyncDisposable {
  end(): Promise<void>;
}

export interface SessionOptions {
  readonly readPreference?: ReadPreference | undefined;
  readonly signal?: AbortSignal | undefined;
  /**
   * Reads through a connection of the session's own, if one is possible: far cheaper for replies of
   * megabytes. Takes one cursor at a time. Buffers in a reply are overwritten by the command after
   * the next one, or after the session's end.
   */
  readonly bulk?: boolean | undefined;
  /**
   * The session's id on the server, 16 bytes; by default the session gets one of its own. A session
   * with a given id outlives its end here, since others may use the id too.
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
   * int64. Rejects with WaybillErrors (MONGO_*; classify.ts gives the server's code behind them),
   * or at once with the signal's reason. A reply with writeErrors or a writeConcernError is not an
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
