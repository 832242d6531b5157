import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { WaybillError } from '@waybill/shared/errors';
import { becomePrimary, createRootUser, waitUntilUp } from './admin.ts';
import type { ServerBinary } from './find.ts';
import { dieWithParent, forgetChild, rememberChild } from './orphans.ts';
import { temporaryFolder, writeKeyFile } from './temporary.ts';

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
const ATTEMPTS = 3;

/** Starts a mongod on the loopback interface and waits until it takes writes. Errors: SERVER_UNAVAILABLE. */
export async function startMongod(options: StartOptions): Promise<RunningServer> {
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort());
    try {
      return await startOn(port, options);
    } catch (error) {
      options.signal?.throwIfAborted();
      // Another process may have taken the free port meanwhile.
      if (options.port !== undefined || attempt === ATTEMPTS) throw error;
    }
  }
}

async function startOn(port: number, options: StartOptions): Promise<RunningServer> {
  const { binary, replSet, auth = false, signal } = options;
  const folder = await temporaryFolder('mongod');
  const logFile = join(folder.path, 'mongod.log');
  const keyFile = auth && replSet ? await writeKeyFile(folder.path) : undefined;
  const args = [...binary.leadingArgs, ...mongodArguments(port, folder.path, keyFile, options)];
  const child = launch(binary.command, args, logFile);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));

  const kill = async (): Promise<void> => {
    child.ref();
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await exited;
    forgetChild(child);
  };
  const stop = async (): Promise<void> => {
    if (options.dbPath) await endGently(child, exited);
    await kill();
    await folder.remove();
  };

  const query = replSet ? `replicaSet=${replSet}` : 'directConnection=true';
  const anonymousUri = `mongodb://127.0.0.1:${port}/?${query}`;
  const uri = auth
    ? `mongodb://root:${ROOT_PASSWORD}@127.0.0.1:${port}/?${query}&authSource=admin`
    : anonymousUri;
  try {
    await Promise.race([
      waitUntilUp(port, signal),
      exited.then(async () => {
        throw await diedEarly(binary, logFile);
      }),
    ]);
    if (replSet) await becomePrimary(port, replSet, auth ? ROOT_PASSWORD : undefined, signal);
    if (auth) await createRootUser(port, ROOT_PASSWORD);
  } catch (error) {
    await kill();
    await folder.remove();
    throw error;
  }
  return {
    uri,
    anonymousUri,
    port,
    pid: child.pid ?? 0,
    version: binary.version,
    stop,
    kill,
    [Symbol.asyncDispose]: stop,
  };
}

function mongodArguments(
  port: number,
  folder: string,
  keyFile: string | undefined,
  { replSet, args = [], auth, dbPath, cacheGb = 0.25, oplogMb = 200 }: StartOptions,
): string[] {
  const list = ['--port', String(port), '--bind_ip', '127.0.0.1', '--dbpath', dbPath ?? folder];
  list.push('--wiredTigerCacheSizeGB', String(cacheGb), '--quiet', '--slowms', '10000', '--nounixsocket');
  list.push('--setParameter', 'diagnosticDataCollectionEnabled=false');
  if (replSet) list.push('--replSet', replSet, '--oplogSize', String(oplogMb));
  if (keyFile) list.push('--keyFile', keyFile);
  else if (auth) list.push('--auth');
  return [...list, ...args];
}

/** Standard output goes to a file: a pipe would have to be read, and would tie the server's pace to ours. */
function launch(command: string, args: readonly string[], logFile: string): ChildProcess {
  const log = openSync(logFile, 'a');
  try {
    const [program, ...rest] = dieWithParent([command, ...args]);
    const child = spawn(program!, rest, { stdio: ['ignore', log, log] });
    child.on('error', () => undefined);
    rememberChild(child);
    // The servers alone must not keep the process alive.
    child.unref();
    return child;
  } finally {
    closeSync(log);
  }
}

async function endGently(child: ChildProcess, exited: Promise<void>): Promise<void> {
  child.kill('SIGTERM');
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, 20_000);
  });
  await Promise.race([exited, late]);
  clearTimeout(timer);
}

async function diedEarly(binary: ServerBinary, logFile: string): Promise<WaybillError> {
  const log = await readFile(logFile, 'utf8').catch(() => '');
  const lines = log.trim().split('\n');
  const telling = lines.findLast((line) => /"s":"[EF]"|error|exception/i.test(line)) ?? lines.at(-1) ?? '';
  return new WaybillError('SERVER_UNAVAILABLE', `mongod ${binary.version} ended while starting`, {
    hint: `Its last words: ${telling.slice(0, 400)}`,
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
