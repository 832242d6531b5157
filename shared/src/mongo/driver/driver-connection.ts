/** The connection and its sessions, on top of a driver's client. */
import type { MongoClient, MongoClientOptions, ReadPreferenceMode } from 'mongodb';
import { WaybillError } from '../../base/errors.ts';
import { abortable, sleep, throwIfAborted } from '../../base/lifecycle.ts';
import { BulkConnection } from './bulk-connection.ts';
import { type Attempted, classifyMongoError } from './classify.ts';
import type {
  CommandOptions,
  MongoConnection,
  ReadPreference,
  Role,
  Session,
  SessionOptions,
} from './connection.ts';
import type { Driver } from './driver.ts';
import { nameSession, numberSession } from './named-session.ts';
import { type CommandEncoder, commandEncoder } from './raw-command.ts';
import { COMMAND_OPTIONS, type CommandReply, plainReply } from './reply.ts';
import { readServerInfo, type ServerInfo } from './server-info.ts';
import { ServerPins } from './server-pins.ts';

const ELECTION_POLL_MS = 200;

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

export class DriverConnection implements MongoConnection {
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
   * Waits for a set that is electing, for as long as the driver looks for a server. The driver may
   * send the first question to the old primary.
   */
  async identify(signal: AbortSignal | undefined): Promise<void> {
    const { serverSelectionTimeoutMS, directConnection: isDirect, loadBalanced } = this.#client.options;
    const run = (command: Record<string, unknown>) => this.command('admin', command, { signal });
    const until = performance.now() + serverSelectionTimeoutMS;
    for (;;) {
      const server = await readServerInfo(run, loadBalanced === true);
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
        ...(session && this.server.hasSessions && { session: session.handle }),
        // On an abort, the driver gives the socket up, so no late reply meets the next command.
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
      // Nobody else closes a connection that opens after an abort.
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
 * True for the commands that a bulk connection is for. killCursors is none: it must not wait for
 * that connection, and may have to come after its end.
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
