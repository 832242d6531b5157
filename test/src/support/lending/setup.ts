import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type RunningServer, startMongod } from '@waybill/demo/servers/start';
import { MongoClient } from 'mongodb-4-0';
import type { TestProject } from 'vitest/node';
import { binaryOf, type ServerKind } from './binaries.ts';
import { type LentServer, lendingPath, ROLES, type Role } from './lent-server.ts';

/**
 * The servers of a test run. Files borrow them in turn, so a run starts a pair for each file that
 * runs at once, and not for every file. A file has its pair for itself while it runs: it may use
 * fixed names, capture the whole deployment and compare both. Every borrower gets the servers
 * without databases, users and roles; who changes anything else starts servers of its own.
 *
 * The connection is the loan: a server comes back when its borrower closes it, and also when the
 * borrower dies.
 */
export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const shelves = new Map<string, Shelf>();
  for (const role of ROLES) {
    for (const kind of ['current', 'oldest'] as const) {
      shelves.set(lendingPath(role, kind), new Shelf(role, kind));
    }
  }
  const desk = createServer((request, response) => {
    const shelf = shelves.get(request.url ?? '');
    if (shelf) void lend(shelf, response);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => desk.listen(0, '127.0.0.1', resolve));
  provide('lending', `http://127.0.0.1:${(desk.address() as AddressInfo).port}`);
  return async () => {
    desk.close();
    desk.closeAllConnections();
    for (const shelf of shelves.values()) await shelf.clear();
  };
}

async function lend(shelf: Shelf, response: ServerResponse): Promise<void> {
  let server: RunningServer;
  try {
    server = await shelf.take();
  } catch (error) {
    response.writeHead(500).end(String(error));
    return;
  }
  const { uri, port, version } = server;
  const lent: LentServer = { uri, port, version };
  response.once('close', () => shelf.putBack(server));
  if (response.destroyed) shelf.putBack(server);
  else response.write(`${JSON.stringify(lent)}\n`);
}

/**
 * What a borrower wrote may still be in the cache when the next one writes documents of 16 MiB in
 * transactions.
 */
const CACHE_GB = 0.5;

/** The servers of one kind. */
class Shelf {
  readonly #role: Role;
  readonly #kind: ServerKind;
  readonly #free = new Set<RunningServer>();
  readonly #all = new Set<RunningServer>();

  constructor(role: Role, kind: ServerKind) {
    this.#role = role;
    this.#kind = kind;
  }

  async take(): Promise<RunningServer> {
    for (const server of this.#free) {
      this.#free.delete(server);
      if (await isEmptied(server)) return server;
      this.#all.delete(server);
      await server.stop();
    }
    const binary = await binaryOf(this.#kind);
    const server = await startMongod({ binary, replSet: this.#role, cacheGb: CACHE_GB });
    this.#all.add(server);
    return server;
  }

  putBack(server: RunningServer): void {
    this.#free.add(server);
  }

  async clear(): Promise<void> {
    for (const server of this.#all) await server.stop();
  }
}

const KEPT = new Set(['admin', 'local', 'config']);
const EMPTY_WITHIN_MS = 20_000;

/** Takes away what the last borrower left. False where the server does not answer any more. */
async function isEmptied({ uri }: RunningServer): Promise<boolean> {
  const client = new MongoClient(uri, { serverSelectionTimeoutMS: EMPTY_WITHIN_MS });
  try {
    const admin = client.db('admin');
    const { databases } = await admin.admin().listDatabases({ nameOnly: true });
    for (const { name } of databases) if (!KEPT.has(name)) await client.db(name).dropDatabase();
    await admin.command({ dropAllUsersFromDatabase: 1 });
    await admin.command({ dropAllRolesFromDatabase: 1 });
    return true;
  } catch {
    return false;
  } finally {
    await client.close();
  }
}
