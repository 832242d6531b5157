import { spawn } from 'node:child_process';
import { WaybillError } from '@waybill/shared/base/errors';
import { dieWithParent, forgetChild, rememberChild } from '../servers/orphans.ts';

/**
 * A `waybill` command that the demo runs as its user would: as a process, with options that can be
 * copied.
 */
export interface CommandProcess extends AsyncDisposable {
  /** Settles when it has ended. Never rejects. */
  readonly ended: Promise<CommandEnd>;
  /** Rejects when it ends before it was asked to. */
  readonly failed: Promise<never>;
  /** Asks it to end, and waits for that. */
  stop(): Promise<CommandEnd>;
}

export interface CommandEnd {
  readonly exitCode: number | null;
  readonly stdout: string;
  /** The last lines, for people. */
  readonly lastWords: string;
}

const KEPT_STDERR = 20_000;
const STOP_MS = 15_000;

export function startCommand(launcher: string, name: string, args: readonly string[]): CommandProcess {
  const [program, ...rest] = dieWithParent([process.execPath, launcher, name, ...args]);
  const environment = Object.entries(process.env).filter(([key]) => !key.startsWith('WAYBILL_'));
  const child = spawn(program!, rest, {
    env: Object.fromEntries(environment),
    stdio: ['ignore', 'pipe', 'pipe'],
    // The demo handles a Ctrl-C at the terminal itself: it ends its commands in order.
    detached: true,
  });
  rememberChild(child);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-KEPT_STDERR);
  });
  let asked = false;
  const ended = new Promise<CommandEnd>((resolve) => {
    const end = (exitCode: number | null): void => {
      forgetChild(child);
      resolve({ exitCode, stdout, lastWords: stderr.trim().split('\n').slice(-8).join('\n') });
    };
    child.once('error', () => end(null));
    child.once('close', (exitCode) => end(exitCode));
  });
  const failed = ended.then((end): Promise<never> => {
    if (asked) return new Promise(() => undefined);
    throw commandFailed(name, end);
  });
  failed.catch(() => undefined);

  const stop = async (): Promise<CommandEnd> => {
    asked = true;
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    const end = await ended;
    clearTimeout(late);
    return end;
  };
  return { ended, failed, stop, [Symbol.asyncDispose]: async () => void (await stop()) };
}

export function commandFailed(name: string, end: CommandEnd): WaybillError {
  return new WaybillError('INTERNAL', `the demo's waybill ${name} ended with ${end.exitCode ?? 'a signal'}`, {
    hint: end.lastWords || 'It said nothing.',
  });
}
