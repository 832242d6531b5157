import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { WaybillError } from '@waybill/shared/base/errors';
import { waitUntilUp } from './admin.ts';
import type { ServerBinary } from './find.ts';
import { dieWithParent, forgetChild, rememberChild } from './orphans.ts';
import { temporaryFolder } from './temporary.ts';

/** A server as a child process, listening on the loopback interface. */
export interface ServerProcess {
  readonly port: number;
  readonly pid: number;
  readonly folder: string;
  /** Asks it to end, and kills it if that takes too long. */
  end(): Promise<void>;
  /** Kills it as a crash would. Idempotent. */
  kill(): Promise<void>;
  /** Removes its temporary folder, with the log, and its files if they are there. */
  clear(): Promise<void>;
}

export interface ProcessOptions {
  readonly binary: ServerBinary;
  /** For messages. */
  readonly name: string;
  /** Default: a free one. */
  readonly port?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Makes the program listen on 127.0.0.1 and that port; `folder` goes away with the server. */
  readonly args: (folder: string, port: number) => Promise<readonly string[]> | readonly string[];
  /**
   * Added to this process's environment. Secrets belong here: every user of the machine sees
   * arguments.
   */
  readonly env?: Readonly<Record<string, string>> | undefined;
}

const ATTEMPTS = 3;
const END_MS = 20_000;

/** Starts the program and waits until it accepts connections. Errors: SERVER_UNAVAILABLE. */
export async function startServerProcess(options: ProcessOptions): Promise<ServerProcess> {
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort());
    try {
      return await startOn(port, options);
    } catch (error) {
      options.signal?.throwIfAborted();
      // Another process may have taken the port meanwhile.
      if (options.port !== undefined || attempt === ATTEMPTS) throw error;
    }
  }
}

async function startOn(port: number, options: ProcessOptions): Promise<ServerProcess> {
  const { binary, name, args, env, signal } = options;
  const folder = await temporaryFolder('server');
  const logFile = join(folder.path, 'server.log');
  const command = [binary.command, ...binary.leadingArgs, ...(await args(folder.path, port))];
  const child = launch(command, logFile, env);
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const kill = async (): Promise<void> => {
    child.ref();
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await exited;
    forgetChild(child);
  };
  const end = async (): Promise<void> => {
    child.ref();
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), END_MS);
    await exited;
    clearTimeout(late);
    forgetChild(child);
  };
  try {
    await Promise.race([
      waitUntilUp(name, port, signal),
      exited.then(async () => {
        throw await diedEarly(`${name} ${binary.version}`, logFile);
      }),
    ]);
  } catch (error) {
    await kill();
    await folder.remove();
    throw error;
  }
  return { port, pid: child.pid ?? 0, folder: folder.path, end, kill, clear: folder.remove };
}

/**
 * Standard output goes to a file. A pipe would have to be read, and a slow reader would slow the
 * server down.
 */
function launch(command: readonly string[], logFile: string, env: ProcessOptions['env']): ChildProcess {
  const log = openSync(logFile, 'a');
  try {
    const [program, ...rest] = dieWithParent(command);
    const child = spawn(program!, rest, { stdio: ['ignore', log, log], env: { ...process.env, ...env } });
    child.on('error', () => undefined);
    rememberChild(child);
    // Servers alone must not keep this process alive.
    child.unref();
    return child;
  } finally {
    closeSync(log);
  }
}

async function diedEarly(server: string, logFile: string): Promise<WaybillError> {
  const log = await readFile(logFile, 'utf8').catch(() => '');
  const lines = log.trim().split('\n');
  const telling = lines.findLast((line) => /"s":"[EF]"|error|exception/i.test(line)) ?? lines.at(-1) ?? '';
  return new WaybillError('SERVER_UNAVAILABLE', `${server} ended while starting`, {
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
