import { type RunningCluster, startCluster } from '@waybill/demo/servers/cluster';
import { type RunningServer, type StartOptions, startMongod } from '@waybill/demo/servers/start';
import { afterAll, beforeAll } from 'vitest';
import { describeOrLeaveOut, type Program, whyMissing } from './left-out.ts';
import { binaryOf, log, type ServerKind } from './lending/binaries.ts';
import { borrow } from './lending/borrow.ts';
import type { LentServer, Role } from './lending/lent-server.ts';

export type { ServerKind };

export interface TestServers {
  /**
   * Single-node replica sets, which all suites of the file share and no other file uses meanwhile.
   * Known once the suite's hooks have run.
   */
  readonly source: LentServer;
  readonly target: LentServer;
}

export interface SuiteOptions {
  readonly source?: ServerKind;
  readonly target?: ServerKind;
  /** Starts the pair for this file: the suite changes more than databases, users and roles. */
  readonly ownPair?: boolean;
  /** Other programs that the suite starts itself. */
  readonly needs?: readonly Program[];
}

/** A server of the test's own: `await using server = await startServer({ replSet: 'rs' })`. */
export async function startServer(
  options: Omit<StartOptions, 'binary'> & { readonly kind?: ServerKind } = {},
): Promise<RunningServer> {
  const { kind = 'current', ...rest } = options;
  return startMongod({ ...rest, binary: await binaryOf(kind) });
}

/**
 * Each shard's no-op shows that a change stream is past a time. The server's default is ten
 * seconds.
 */
const NOOPS = ['--setParameter', 'periodicNoopIntervalSecs=1'];

/**
 * A sharded cluster of the test's own: two shards of one node each behind one mongos. All servers
 * but mongos get the parameters.
 */
export async function startShardedCluster(
  routerArgs: readonly string[] = [],
  parameters: Readonly<Record<string, number>> = {},
): Promise<RunningCluster> {
  const set = Object.entries(parameters).flatMap(([name, value]) => ['--setParameter', `${name}=${value}`]);
  return startCluster({ binary: await binaryOf('current'), args: [...NOOPS, ...set], routerArgs, log });
}

/**
 * A suite that needs servers: `await describeWithServer('name', (servers) => { it(…) })` at the top
 * level of a test file. If no server can be had, the suite is left out and says why; in CI (`CI`
 * set) it fails.
 */
export async function describeWithServer(
  name: string,
  suite: (servers: TestServers) => void,
  { source = 'current', target = 'current', ownPair = false, needs = [] }: SuiteOptions = {},
): Promise<void> {
  const kinds = [...new Set<ServerKind>([source, target])];
  const missing = await whyMissing([...kinds.map((kind) => () => binaryOf(kind)), ...needs]);
  describeOrLeaveOut(name, missing, () => {
    const running = new Map<Role, LentServer>();
    beforeAll(async () => {
      running.set('source', await serverOf('source', source, ownPair));
      running.set('target', await serverOf('target', target, ownPair));
    });
    const get = (role: Role): LentServer => {
      const server = running.get(role);
      if (!server) throw new Error('Servers are known in hooks and tests, not while tests are collected');
      return server;
    };
    suite({
      get source() {
        return get('source');
      },
      get target() {
        return get('target');
      },
    });
  });
}

interface Held {
  readonly server: LentServer;
  readonly letGo: () => void | Promise<void>;
}

const held = new Map<string, Promise<Held>>();

async function serverOf(role: Role, kind: ServerKind, own: boolean): Promise<LentServer> {
  const key = `${role}-${kind}-${own}`;
  let server = held.get(key);
  if (!server) {
    server = own ? startOwn(role, kind) : borrowOne(role, kind);
    held.set(key, server);
  }
  return (await server).server;
}

async function startOwn(role: Role, kind: ServerKind): Promise<Held> {
  const server = await startServer({ kind, replSet: role });
  return { server, letGo: server.stop };
}

async function borrowOne(role: Role, kind: ServerKind): Promise<Held> {
  const { server, giveBack } = await borrow(role, kind);
  return { server, letGo: giveBack };
}

// Every test file loads this module anew, so this hook belongs to the file.
afterAll(async () => {
  for (const each of held.values()) await (await each).letGo();
});

let names = 0;

/** A database name that no other test of this run uses. */
export function uniqueName(stem: string): string {
  names += 1;
  return `${stem}_${process.pid.toString(36)}_${names}`;
}
