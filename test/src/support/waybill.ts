import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * The real command as a child process. The pinned node runs the launcher, which under that node
 * runs the command in its own process. There is no shell, npm or second process between, so a
 * SIGKILL hits the process that does the work.
 */
const NODE = fileURLToPath(new URL('../../../node_modules/node/bin/node', import.meta.url));
const LAUNCHER = fileURLToPath(new URL('../../../cli/bin/waybill.js', import.meta.url));

export interface CommandResult {
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** A safety net: after this it is killed, and `signal` says so. */
  readonly timeoutMs?: number;
}

export interface RunningCommand extends AsyncDisposable {
  readonly pid: number;
  /** Settles when the process has ended and its output is complete. Never rejects. */
  readonly ended: Promise<CommandResult>;
  readonly isRunning: boolean;
  /** What it wrote so far. */
  readonly stdout: string;
  readonly stderr: string;
  kill(signal?: NodeJS.Signals): void;
}

export function spawnWaybill(
  args: readonly string[],
  { env, cwd, timeoutMs }: RunOptions = {},
): RunningCommand {
  const node = existsSync(NODE) ? NODE : process.execPath;
  const child = spawn(node, [LAUNCHER, ...args], {
    cwd,
    env: { ...cleanEnvironment(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  });
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  const ended = new Promise<CommandResult>((resolve) => {
    child.once('error', (error) => {
      resolve({ exitCode: null, signal: null, stdout: stdout(), stderr: `${stderr()}${error.message}` });
    });
    child.once('close', (exitCode, signal) => {
      resolve({ exitCode, signal, stdout: stdout(), stderr: stderr() });
    });
  });
  const isRunning = () => child.exitCode === null && child.signalCode === null;
  return {
    pid: child.pid ?? 0,
    ended,
    get isRunning() {
      return isRunning();
    },
    get stdout() {
      return stdout();
    },
    get stderr() {
      return stderr();
    },
    kill: (signal = 'SIGKILL') => void child.kill(signal),
    [Symbol.asyncDispose]: async () => {
      if (isRunning()) child.kill('SIGKILL');
      await ended;
    },
  };
}

/** Runs the command to its end. */
export async function runWaybill(args: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
  await using command = spawnWaybill(args, { timeoutMs: 110_000, ...options });
  return await command.ended;
}

/** Options in the machine's environment must not reach the command under test. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => name === 'WAYBILL_CACHE' || name === 'WAYBILL_MONGOD' || !name.startsWith('WAYBILL_'),
    ),
  );
}

function collect(stream: ChildProcess['stdout']): () => string {
  const pieces: Buffer[] = [];
  stream?.on('data', (piece: Buffer) => pieces.push(piece));
  return () => Buffer.concat(pieces).toString('utf8');
}
