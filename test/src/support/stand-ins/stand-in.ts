/**
 * A managed target that cannot be had here: a proxy before a MongoDB server that holds its clients
 * to that target's documented rules. Tests see what passed, and make it hard while it runs.
 */
import { readFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { MongoClient } from 'mongodb-4-0';
import { Conversation } from './conversation.ts';
import { IndexBuilds } from './index-builds.ts';
import type { StandInRules, Standing } from './rules.ts';
import { Strain } from './strain.ts';
import { Traffic } from './traffic.ts';

export interface StandInOptions {
  /** Of the server behind it, on this machine. */
  readonly uri: string;
  /** That connection strings name. */
  readonly database: string;
  /** Serves TLS alone, with a certificate that only the tests' own authority has signed. */
  readonly tls?: boolean;
  /** Further options of its connection string. */
  readonly query?: Readonly<Record<string, string>>;
  /** Creates this user, and names it in the connection string. */
  readonly user?: boolean;
}

const file = (name: string): string => fileURLToPath(new URL(`../stores/tls/${name}`, import.meta.url));
const USER = 'loader';
const PASSWORD = 'loader-password';

export class StandIn implements AsyncDisposable {
  readonly rules: StandInRules;
  readonly options: StandInOptions;
  readonly strain = new Strain();
  readonly traffic = new Traffic();
  readonly builds: IndexBuilds;
  readonly #client: MongoClient;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  private constructor(rules: StandInRules, options: StandInOptions, client: MongoClient) {
    this.rules = rules;
    this.options = options;
    this.#client = client;
    this.builds = new IndexBuilds(client);
  }

  static async start(rules: StandInRules, options: StandInOptions): Promise<StandIn> {
    const client = await MongoClient.connect(options.uri);
    const standIn = new StandIn(rules, options, client);
    if (options.user) await standIn.#createUser();
    const onSocket = (socket: Socket): void => standIn.#open(socket);
    standIn.#server = options.tls
      ? createTlsServer(
          { key: await readFile(file('server.key')), cert: await readFile(file('server.pem')) },
          onSocket,
        )
      : createServer(onSocket);
    const { promise, resolve } = Promise.withResolvers<void>();
    standIn.#server.listen(0, '127.0.0.1', resolve);
    await promise;
    return standIn;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server!.address() as AddressInfo).port}`;
  }

  get uri(): string {
    const { database, user, tls, query = {} } = this.options;
    const all = new URLSearchParams({
      ...query,
      ...(tls && { tls: 'true', tlsCAFile: file('authority.pem') }),
    });
    return `mongodb://${user ? `${USER}:${PASSWORD}@` : ''}${this.host}/${database}?${all}`;
  }

  get standing(): Standing {
    return {
      indexes: (namespace) => this.builds.of(namespace),
      builds: (namespace) => this.builds.underWay(namespace),
      transactionsExpired: this.strain.transactionsExpire,
      database: this.options.database,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server!.close(() => resolve());
    for (const socket of this.#sockets) socket.destroy();
    await promise;
    await this.builds.settled();
    if (this.options.user) await this.#client.db(this.options.database).command({ dropUser: USER });
    await this.#client.close();
  }

  async #createUser(): Promise<void> {
    await this.#client.db(this.options.database).command({
      createUser: USER,
      pwd: PASSWORD,
      roles: [{ role: 'root', db: 'admin' }],
      mechanisms: ['SCRAM-SHA-256'],
    });
  }

  #open(socket: Socket): void {
    this.#sockets.add(socket);
    const conversation = new Conversation(this, Number(new URL(this.options.uri).port), socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#sockets.delete(socket);
      conversation.end();
    });
    socket.on('data', (bytes: Buffer) => conversation.take(bytes));
  }
}
