import { spawn } from 'node:child_process';

export interface RunResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
}

/**
 * Runs a command to its end. A command that cannot be started gives exit code null and the reason
 * in `stderr`.
 */
export function run(
  command: string,
  args: readonly string[],
  { cwd, signal, timeoutMs }: RunOptions = {},
): Promise<RunResult> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      signal,
      killSignal: 'SIGKILL',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    // Node's own `timeout` won't do: its timer survives a command that could not be started, and
    // keeps the process alive.
    const late = timeoutMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    const end = (result: RunResult): void => {
      clearTimeout(late);
      resolve(result);
    };
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', (error) => end({ exitCode: null, stdout, stderr: stderr || error.message }));
    child.on('close', (exitCode) => end({ exitCode, stdout, stderr }));
  });
}
