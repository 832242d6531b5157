import { addShards, becomePrimary } from './admin.ts';
import type { FetchOptions } from './fetch-package.ts';
import { findMongos, type ServerBinary } from './find.ts';
import { type ServerProcess, startServerProcess } from './server-process.ts';
import { mongoAddress, mongodArguments } from './start.ts';

export interface ClusterOptions {
  readonly binary: ServerBinary;
  readonly log: FetchOptions['log'];
  /** Shards of one node each. Default 2. */
  readonly shards?: number;
  /** For each of its `mongod`. */
  readonly args?: readonly string[];
  /** For its mongos. */
  readonly routerArgs?: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

export interface RunningCluster extends AsyncDisposable {
  /** Of mongos. */
  readonly uri: string;
  readonly version: string;
  stop(): Promise<void>;
}

const CACHE_GB = 0.25;
const OPLOG_MB = 100;

/** A sharded cluster: config server, shards, one mongos. Errors: SERVER_UNAVAILABLE. */
export async function startCluster(options: ClusterOptions): Promise<RunningCluster> {
  const { binary, shards = 2, args = [], routerArgs = [], signal } = options;
  const mongos = await findMongos(binary, options);
  const processes: ServerProcess[] = [];
  const stop = async (): Promise<void> => {
    for (const each of processes.toReversed()) {
      await each.kill();
      await each.clear();
    }
  };
  const member = async (replSet: string, role: '--configsvr' | '--shardsvr'): Promise<string> => {
    const settings = { replSet, args: [role, ...args], cacheGb: CACHE_GB, oplogMb: OPLOG_MB };
    const started = await startServerProcess({
      binary,
      name: `MongoDB (${replSet})`,
      signal,
      args: (folder, port) => [...mongoAddress(port), ...mongodArguments(folder, settings)],
    });
    processes.push(started);
    await becomePrimary(started.port, replSet, undefined, signal, role === '--configsvr');
    return `${replSet}/127.0.0.1:${started.port}`;
  };
  try {
    const config = await member('config', '--configsvr');
    const members: string[] = [];
    for (let n = 0; n < shards; n++) members.push(await member(`shard${n}`, '--shardsvr'));
    const router = await startServerProcess({
      binary: mongos,
      name: 'mongos',
      signal,
      args: (_folder, port) => [...mongoAddress(port), '--configdb', config, ...routerArgs],
    });
    processes.push(router);
    await addShards(router.port, members);
    return {
      uri: `mongodb://127.0.0.1:${router.port}/`,
      version: binary.version,
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
