import { type RunningCluster, startCluster } from '@waybill/demo/servers/cluster';
import { findMongod, findMongod40, type ServerBinary } from '@waybill/demo/servers/find';
import { type RunningServer, type StartOptions, startMongod } from '@waybill/demo/servers/start';
import { afterAll, beforeAll } from 'vitest';
import { describeOrLeaveOut, whyMissing } from './left-out.ts';
import { type StoreKind, storeBinary } from './stores/programs.ts';

/** `current` is the version that the demo runs; `oldest` is 4.0, the oldest source. */
export type ServerKind = 'current' | 'oldest';

export interface TestServers {
  /**
   * Single-node replica sets, shared by all suites of the file. Known once the suite's hooks have
   * run.
   */
  readonly source: RunningServer;
  readonly target: RunningServer;
}

export interface SuiteOptions {
  readonly source?: ServerKind;
  readonly target?: ServerKind;
  /** Object stores that the suite starts itself. */
  readonly stores?: readonly StoreKind[];
}

const log = (message: string): void => console.log(`servers: ${message}`);
const binaries = new Map<ServerKind, Promise<ServerBinary>>();

export function binaryOf(kind: ServerKind): Promise<ServerBinary> {
  let found = binaries.get(kind);
  if (!found) {
    found = kind === 'oldest' ? findMongod40({ log }) : findMongod({ log });
    binaries.set(kind, found);
  }
  return found;
}

/** A server of the test's own: `await using server = await startServer({ replSet: 'rs' })`. */
export async function startServer(
  options: Omit<StartOptions, 'binary'> & { readonly kind?: ServerKind } = {},
): Promise<RunningServer> {
  const { kind = 'current', ...rest } = options;
  return startMongod({ ...rest, binary: await binaryOf(kind) });
}

/**
 * With every shard's no-op it shows that a change stream is past a time; ten seconds by default.
 */
const NOOPS = ['--setParameter', 'periodicNoopIntervalSecs=1'];

/** A sharded cluster of the test's own: two shards of one node each behind one mongos. */
export async function startShardedCluster(): Promise<RunningCluster> {
  return startCluster({ binary: await binaryOf('current'), args: NOOPS, log });
}

/**
 * A suite that needs servers: `await describeWithServer('name', (servers) => { it(…) })` at the top
 * level of a test file. Where no server can be had the suite is left out and says why; in CI (`CI`
 * set) it fails instead.
 */
export async function describeWithServer(
  name: string,
  suite: (servers: TestServers) => void,
  { source = 'current', target = 'current', stores = [] }: SuiteOptions = {},
): Promise<void> {
  const kinds = [...new Set<ServerKind>([source, target])];
  const missing = await whyMissing([
    ...kinds.map((kind) => () => binaryOf(kind)),
    ...stores.map((kind) => () => storeBinary(kind)),
  ]);
  describeOrLeaveOut(name, missing, () => {
    const running = new Map<'source' | 'target', RunningServer>();
    beforeAll(async () => {
      running.set('source', await shared('source', source));
      running.set('target', await shared('target', target));
    });
    const get = (role: 'source' | 'target'): RunningServer => {
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

const pair = new Map<string, Promise<RunningServer>>();

function shared(role: 'source' | 'target', kind: ServerKind): Promise<RunningServer> {
  const key = `${role}-${kind}`;
  let server = pair.get(key);
  if (!server) {
    server = startServer({ kind, replSet: role });
    pair.set(key, server);
  }
  return server;
}

// Every test file loads this module anew, so this hook belongs to the file and ends its servers
// once.
afterAll(async () => {
  for (const server of pair.values()) await (await server).stop();
});

let names = 0;

/** A database name that no other test of this run uses. */
export function uniqueName(stem: string): string {
  names += 1;
  return `${stem}_${process.pid.toString(36)}_${names}`;
}
