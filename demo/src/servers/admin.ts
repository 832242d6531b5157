import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { WaybillError } from '@waybill/shared/base/errors';
import type { MongoClient as OldMongoClient } from 'mongodb-4-0';

/** Waits between looks at a starting server. */
const POLL_MS = 25;
const START_TIMEOUT_MS = 60_000;

type Admin = ReturnType<OldMongoClient['db']>;

/** Until the server accepts connections. */
export async function waitUntilUp(
  name: string,
  port: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  await poll(`${name} did not accept connections`, signal, () => accepts(port));
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => socket.destroy(undefined) && resolve(true));
    socket.once('error', () => resolve(false));
  });
}

/**
 * Starts the replica set if it is new, and waits until this node takes writes. Safe to call on a
 * restarted server.
 */
export async function becomePrimary(
  port: number,
  replSet: string,
  rootPassword: string | undefined,
  signal: AbortSignal | undefined,
  configServer = false,
): Promise<void> {
  await withAdmin(port, async (admin) => {
    await admin
      .command({
        replSetInitiate: {
          _id: replSet,
          members: [{ _id: 0, host: `127.0.0.1:${port}` }],
          ...(configServer ? { configsvr: true } : {}),
        },
      })
      .catch((error: { codeName?: string }) => {
        // Unauthorized means that the set was started before: access control is on and it has its
        // users.
        const known = ['AlreadyInitialized', 'Unauthorized'].includes(error.codeName ?? '');
        if (!known || (error.codeName === 'Unauthorized' && rootPassword === undefined)) throw error;
      });
    await poll('mongod did not become primary', signal, async () => {
      const hello = await admin.command({ isMaster: 1 });
      return hello.ismaster === true;
    });
  });
}

/** Through the localhost exception; on a restarted server the user is there already. */
export async function createRootUser(port: number, password: string): Promise<void> {
  await withAdmin(port, async (admin) => {
    await admin
      .command({ createUser: 'root', pwd: password, roles: ['root'] })
      .catch((error: { codeName?: string }) => {
        if (!['Unauthorized', 'Location51003'].includes(error.codeName ?? '')) throw error;
      });
  });
}

/** Through mongos. */
export async function addShards(port: number, shards: readonly string[]): Promise<void> {
  await withAdmin(port, async (admin) => {
    for (const shard of shards) await admin.command({ addShard: shard });
  });
}

/** The older driver can talk to every server from 4.0 on, so it starts them all. */
async function withAdmin(port: number, work: (admin: Admin) => Promise<void>): Promise<void> {
  const { MongoClient } = await import('mongodb-4-0');
  const client = new MongoClient(
    `mongodb://127.0.0.1:${port}/?directConnection=true&serverSelectionTimeoutMS=20000`,
  );
  try {
    await work(client.db('admin'));
  } finally {
    await client.close();
  }
}

async function poll(
  failure: string,
  signal: AbortSignal | undefined,
  done: () => Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (!(await done())) {
    if (performance.now() > deadline) {
      throw new WaybillError('SERVER_UNAVAILABLE', `${failure} within a minute`);
    }
    await sleep(POLL_MS, undefined, { signal });
  }
}
