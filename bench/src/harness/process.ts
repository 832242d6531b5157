import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** The cost of a whole process, its start included. */
export interface Run {
  readonly seconds: number;
  /** The most resident memory it had, in bytes; 0 if the system does not tell (only Linux does). */
  readonly peakBytes: number;
}

const SAMPLE_MS = 50;
const WAYBILL = fileURLToPath(new URL('../../../cli/bin/waybill.js', import.meta.url));

/** Runs a program to its end. Rejects with the end of its output when it fails. */
export async function timed(command: string, args: readonly string[]): Promise<Run> {
  const started = process.hrtime.bigint();
  const child = start(command, args);
  const output = tail(child);
  const memory = watchMemory(child);
  const code = await exit(child);
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  const peakBytes = memory();
  if (code !== 0) throw new Error(`${command} ${args[0] ?? ''} ended with ${code}:\n${output()}`);
  return { seconds, peakBytes };
}

export function waybill(args: readonly string[]): Promise<Run> {
  return timed(process.execPath, [WAYBILL, ...args]);
}

export function startWaybill(args: readonly string[]): ChildProcess {
  return start(process.execPath, [WAYBILL, ...args]);
}

/** Runs `program | consumer` and waits for both. */
export async function timedPipe(
  producer: readonly [string, readonly string[]],
  consumer: readonly [string, readonly string[]],
): Promise<Run> {
  const started = process.hrtime.bigint();
  const to = spawn(consumer[0], consumer[1], { stdio: ['pipe', 'ignore', 'pipe'] });
  // The pipe goes from process to process, as in a shell: no byte passes through this process.
  const from = spawn(producer[0], producer[1], { stdio: ['ignore', to.stdin as never, 'pipe'] });
  const outputs = [tail(from), tail(to)];
  to.stdin?.destroy();
  const codes = await Promise.all([exit(from), exit(to)]);
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  if (codes.some((code) => code !== 0))
    throw new Error(`pipe ended with ${codes}:\n${outputs.map((output) => output()).join('\n')}`);
  return { seconds, peakBytes: 0 };
}

function start(command: string, args: readonly string[]): ChildProcess {
  return spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
}

export function exit(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code));
  });
}

function tail(child: ChildProcess): () => string {
  let text = '';
  const take = (chunk: Buffer): void => {
    text = (text + chunk.toString()).slice(-4000);
  };
  child.stdout?.on('data', take);
  child.stderr?.on('data', take);
  return () => text;
}

function watchMemory(child: ChildProcess): () => number {
  let peak = 0;
  const sample = async (): Promise<void> => {
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '');
    const kilobytes = /VmHWM:\s+(\d+) kB/.exec(status)?.[1];
    if (kilobytes) peak = Math.max(peak, Number(kilobytes) * 1024);
  };
  const timer = setInterval(() => void sample(), SAMPLE_MS);
  return () => {
    clearInterval(timer);
    return peak;
  };
}
