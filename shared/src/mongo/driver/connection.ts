/**
 * A connection to a deployment. Wraps a driver (driver.ts: which one depends on the server's age);
 * nothing above this folder sees which, and no value object of either crosses this border: see
 * raw-value.ts for what goes in and reply.ts for what comes out. Commands are not retried here.
 */
import type { MongoClient, MongoClientOptions, ReadPreferenceMode } from 'mongodb';
import { WaybillError } from '../../base/errors.ts';
import { abortable, sleep, throwIfAborted } from '../../base/lifecycle.ts';
import { BulkConnection } from './bulk-connection.ts';
import { type Attempted, classifyMongoError } from './classify.ts';
import { connectError, Heard } from './connect-error.ts';
import { type Driver, loadDriver } from './driver.ts';
import { nameSession, numberSession } from './named-session.ts';
import { type CommandEncoder, commandEncoder } from './raw-command.ts';
import { COMMAND_OPTIONS, type CommandReply, plainReply } from './reply.ts';
import { readServerInfo, type ServerInfo } from './server-info.ts';
import { ServerPins } from './server-pins.ts';
import { hostsOf, parseClient } from './uri.ts';

export type { CommandReply, ReplyValue } from './reply.ts';
export type { ServerInfo } from './server-info.ts';

export type Role = 'source' | 'target';
export type ReadPreference = 'primary' | 'secondaryPreferred';

export interface ConnectOptions {
  readonly role: Role;
  readonly signal?: AbortSignal | undefined;
  /** Shown in the server's log and currentOp. Default `waybill`. */
  readonly appName?: string | undefined;
  /** How long to look for a usable server, in milliseconds. Default 10,000. */
  readonly serverSelectionTimeoutMs?: number | undefined;
  /**
   * A server that is silent this long in the middle of a command is given up, in milliseconds.
   * Default 300,000.
   */
  readonly socketTimeoutMs?: number | undefined;
  /** Most connections to one server. Default: the driver's. */
  readonly maxPoolSize?: number | undefined;
}

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

const DEFAULT_SELECTION_MS = 10_000;
const DEFAULT_SOCKET_TIMEOUT_MS = 300_000;
const ELECTION_POLL_MS = 200;

/**
 * Opens a connection and asks the server what it is. Errors: MONGO_URI_INVALID, MONGO_UNREACHABLE,
 * MONGO_AUTHENTICATION, MONGO_NOT_PRIMARY, or the signal's reason.
 */
export async function connect(uri: string, options: ConnectOptions): Promise<MongoConnection> {
  throwIfAborted(options.signal);
  const current = await loadDriver('current');
  const opened = await open(current, uri, options);
  if (opened !== TOO_OLD) return opened;
  const reopened = await open(await loadDriver('old'), uri, options);
  if (reopened !== TOO_OLD) return reopened;
  const code = options.role === 'source' ? 'SOURCE_UNSUPPORTED' : 'TARGET_UNSUPPORTED';
  throw new WaybillError(code, `the server at ${hostsOf(uri)} is older than MongoDB 4.0`, {
    hint: 'Upgrade it to 4.0 or later first.',
  });
}

const TOO_OLD = Symbol('server too old for this driver');

async function open(
  driver: Driver,
  uri: string,
  options: ConnectOptions,
): Promise<DriverConnection | typeof TOO_OLD> {
  const settings = clientOptions(uri, options);
  const attempted: Attempted = { url: hostsOf(uri), role: options.role };
  const client = parseClient(driver, uri, { ...settings, role: options.role });
  const heard = new Heard(client);
  try {
    const tooOld = noticeTooOld(client);
    const outcome = await abortable(Promise.race([client.connect(), tooOld]), options.signal);
    if (outcome === TOO_OLD) {
      await client.close();
      return TOO_OLD;
    }
    const connection = new DriverConnection(driver, client, uri, settings, attempted);
    await connection.identify(options.signal);
    return connection;
  } catch (error) {
    // Not awaited: an abort must not wait for sockets, and closing can only succeed or not matter.
    void client.close().catch(() => undefined);
    throw connectError(error, attempted, heard, client.options.replicaSet);
  }
}

/** The driver itself would go on looking for another server until the selection times out. */
function noticeTooOld(client: MongoClient): Promise<typeof TOO_OLD> {
  return new Promise((resolve) => {
    // Without a listener an 'error' event ends the process.
    client.on('error', () => undefined);
    client.on('serverHeartbeatFailed', ({ failure }) => {
      if (failure.name === 'MongoCompatibilityError' && /wire version/.test(failure.message))
        resolve(TOO_OLD);
    });
  });
}

function clientOptions(uri: string, options: ConnectOptions): MongoClientOptions {
  const inUri = (name: string): boolean => new RegExp(`[?&]${name}=`, 'i').test(uri);
  const selectionMs = options.serverSelectionTimeoutMs ?? DEFAULT_SELECTION_MS;
  const settings: MongoClientOptions = {};
  // What the user wrote in the connection string wins over our defaults.
  if (!inUri('appName')) settings.appName = options.appName ?? 'waybill';
  if (!inUri('serverSelectionTimeoutMS')) settings.serverSelectionTimeoutMS = selectionMs;
  if (!inUri('connectTimeoutMS')) settings.connectTimeoutMS = selectionMs;
  if (!inUri('socketTimeoutMS'))
    settings.socketTimeoutMS = options.socketTimeoutMs ?? DEFAULT_SOCKET_TIMEOUT_MS;
  if (options.maxPoolSize !== undefined && !inUri('maxPoolSize')) settings.maxPoolSize = options.maxPoolSize;
  return settings;
}

class DriverSession implements Session {
  readonly client: MongoClient;
  readonly readPreference: ReadPreference;
  readonly handle: ReturnType<MongoClient['startSession']>;
  readonly bulk: BulkConnection | null;

  constructor(client: MongoClient, readPreference: ReadPreference, bulk: BulkConnection | null) {
    this.client = client;
    this.readPreference = readPreference;
    this.bulk = bulk;
    // Causal consistency would add read concerns of the driver's own choice to our commands.
    this.handle = client.startSession({ causalConsistency: false });
  }

  async end(): Promise<void> {
    this.bulk?.close();
    await this.handle.endSession().catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }
}

class DriverConnection implements MongoConnection {
  readonly #driver: Driver;
  readonly #client: MongoClient;
  readonly #encode: CommandEncoder;
  readonly #attempted: Attempted;
  readonly #pins: ServerPins;
  #server: ServerInfo | undefined;

  constructor(
    driver: Driver,
    client: MongoClient,
    uri: string,
    settings: MongoClientOptions,
    attempted: Attempted,
  ) {
    this.#driver = driver;
    this.#client = client;
    this.#encode = commandEncoder(driver);
    this.#attempted = attempted;
    this.#pins = new ServerPins(driver, client, uri, settings);
  }

  get role(): Role {
    return this.#attempted.role;
  }

  get url(): string {
    return this.#attempted.url;
  }

  get server(): ServerInfo {
    if (!this.#server)
      throw new WaybillError('INTERNAL', 'the connection has not asked what the server is yet');
    return this.#server;
  }

  /**
   * A set that is electing is waited for, as long as the driver looks for a server; it may send the
   * first question to the old primary.
   */
  async identify(signal: AbortSignal | undefined): Promise<void> {
    const { serverSelectionTimeoutMS, directConnection: isDirect } = this.#client.options;
    const until = performance.now() + serverSelectionTimeoutMS;
    for (;;) {
      const server = await readServerInfo((command) => this.command('admin', command, { signal }));
      this.#server = server;
      if (server.isWritable) return;
      const isElecting = server.setName !== null && (!isDirect || server.primary === null);
      if (!isElecting || performance.now() > until) throw this.#notPrimary(server);
      await sleep(ELECTION_POLL_MS, signal);
    }
  }

  #notPrimary({ primary, setName }: ServerInfo): WaybillError {
    const { role, url } = this.#attempted;
    if (setName === null) {
      return new WaybillError(
        'MONGO_NOT_PRIMARY',
        `the ${role} ${url} belongs to a replica set that is not initiated`,
        {
          hint: 'Run rs.initiate() on it once.',
          context: { role },
        },
      );
    }
    const known = primary === null ? 'it knows of none' : `that is ${primary}`;
    return new WaybillError(
      'MONGO_NOT_PRIMARY',
      `the ${role} ${url} is a member of a replica set and not its primary; ${known}`,
      {
        hint: `Leave directConnection out of the connection string, so that the primary is found, or connect to the primary.${
          role === 'source'
            ? ' --read-preference secondaryPreferred has the snapshot read from secondaries.'
            : ''
        }`,
        context: { role },
      },
    );
  }

  async command(
    database: string,
    command: Readonly<Record<string, unknown>>,
    options: CommandOptions = {},
  ): Promise<CommandReply> {
    const { signal, readPreference } = options;
    throwIfAborted(signal);
    const session = options.session as DriverSession | undefined;
    const mode: ReadPreferenceMode = session?.readPreference ?? readPreference ?? 'primary';
    try {
      if (session?.bulk && isReading(command)) {
        const { bulk, handle } = session;
        return plainReply(
          await bulk.command(database, this.#encode(command), { sessionId: handle.id, signal }),
        );
      }
      if (session && typeof command.txnNumber === 'bigint') numberSession(session.handle, command.txnNumber);
      const sent = (session?.client ?? this.#client).db(database).command(this.#encode(command), {
        ...COMMAND_OPTIONS,
        readPreference: mode,
        ...(session && { session: session.handle }),
        // The driver gives the socket up on an abort, so that no late reply meets the next command.
        ...(signal && { signal }),
      } as object);
      return plainReply(await abortable(sent, signal));
    } catch (error) {
      throwIfAborted(signal);
      throw classifyMongoError(error, { ...this.#attempted, ...commandNames(database, command) });
    }
  }

  async startSession({
    readPreference = 'primary',
    signal,
    bulk,
    id,
  }: SessionOptions = {}): Promise<Session> {
    try {
      const pinned = await abortable(this.#pins.clientFor(readPreference), signal);
      if (!bulk) {
        const session = new DriverSession(pinned, readPreference, null);
        if (id) nameSession(this.#driver, session.handle, id);
        return session;
      }
      const opening = BulkConnection.open(this.#driver, pinned, readPreference);
      // One that comes after an abort has nobody to close it.
      if (signal) opening.then((late) => signal.aborted && late?.close()).catch(() => undefined);
      return new DriverSession(pinned, readPreference, await abortable(opening, signal));
    } catch (error) {
      throw classifyMongoError(error, this.#attempted);
    }
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#pins.close(), this.#client.close()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/**
 * What a bulk connection is for; killing a cursor must not wait for it, or needs to come after its
 * end.
 */
function isReading(command: Readonly<Record<string, unknown>>): boolean {
  return 'find' in command || 'getMore' in command;
}

function commandNames(database: string, command: Readonly<Record<string, unknown>>): Partial<Attempted> {
  const [name] = Object.keys(command);
  if (name === undefined) return {};
  const subject = name === 'getMore' ? command.collection : command[name];
  return { command: name, namespace: typeof subject === 'string' ? `${database}.${subject}` : database };
}
