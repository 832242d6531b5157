import { becomePrimary, createRootUser } from './admin.ts';
import type { ServerBinary } from './find.ts';
import { startServerProcess } from './server-process.ts';
import { writeKeyFile } from './temporary.ts';

export interface StartOptions {
  readonly binary: ServerBinary;
  /** Name of the single-node replica set to start; a standalone server without it. */
  readonly replSet?: string;
  /** Further arguments of mongod. */
  readonly args?: readonly string[];
  /** Switches access control on, with a user `root` of role root. */
  readonly auth?: boolean;
  /** Default: a temporary folder that goes away with the server. */
  readonly dbPath?: string;
  /** Default: a free one. */
  readonly port?: number;
  readonly cacheGb?: number;
  readonly oplogMb?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface RunningServer extends AsyncDisposable {
  /** With the root user's credentials where there is one. */
  readonly uri: string;
  /** The same without credentials. */
  readonly anonymousUri: string;
  readonly port: number;
  readonly pid: number;
  readonly version: string;
  /** Ends the server and removes its temporary folder. Idempotent. */
  stop(): Promise<void>;
  /** Kills it as a crash would; its files stay until `stop`. */
  kill(): Promise<void>;
}

const ROOT_PASSWORD = 'root-password';

/**
 * Starts a mongod on the loopback interface and waits until it takes writes. Errors:
 * SERVER_UNAVAILABLE.
 */
export async function startMongod(options: StartOptions): Promise<RunningServer> {
  const { binary, port, replSet, auth = false, dbPath, signal } = options;
  const server = await startServerProcess({
    binary,
    name: 'MongoDB',
    port,
    signal,
    args: async (folder, chosen) => [
      ...mongoAddress(chosen),
      ...mongodArguments(dbPath ?? folder, options),
      ...(auth && replSet ? ['--keyFile', await writeKeyFile(folder)] : []),
    ],
  });
  const stop = async (): Promise<void> => {
    // End cleanly only if the files stay.
    await (dbPath ? server.end() : server.kill());
    await server.clear();
  };
  try {
    if (replSet) await becomePrimary(server.port, replSet, auth ? ROOT_PASSWORD : undefined, signal);
    if (auth) await createRootUser(server.port, ROOT_PASSWORD);
  } catch (error) {
    await server.kill();
    await server.clear();
    throw error;
  }
  const query = replSet ? `replicaSet=${replSet}` : 'directConnection=true';
  const anonymousUri = `mongodb://127.0.0.1:${server.port}/?${query}`;
  return {
    uri: auth
      ? `mongodb://root:${ROOT_PASSWORD}@127.0.0.1:${server.port}/?${query}&authSource=admin`
      : anonymousUri,
    anonymousUri,
    port: server.port,
    pid: server.pid,
    version: binary.version,
    stop,
    kill: server.kill,
    [Symbol.asyncDispose]: stop,
  };
}

/** Of mongod and mongos. */
export function mongoAddress(port: number): string[] {
  return ['--port', String(port), '--bind_ip', '127.0.0.1', '--nounixsocket', '--quiet'];
}

export function mongodArguments(
  dbPath: string,
  {
    replSet,
    args = [],
    auth,
    cacheGb = 0.25,
    oplogMb = 200,
  }: Pick<StartOptions, 'replSet' | 'args' | 'auth' | 'cacheGb' | 'oplogMb'>,
): string[] {
  const list = ['--dbpath', dbPath, '--wiredTigerCacheSizeGB', String(cacheGb), '--slowms', '10000'];
  list.push('--setParameter', 'diagnosticDataCollectionEnabled=false');
  if (replSet) list.push('--replSet', replSet, '--oplogSize', String(oplogMb));
  if (auth && !replSet) list.push('--auth');
  return [...list, ...args];
}
