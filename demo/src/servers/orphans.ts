import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';

/**
 * No server outlives the process that started it. An exit handler covers an orderly end. On Linux
 * the kernel's parent-death signal also covers a kill: util-linux's setpriv sets it, then becomes
 * the program.
 */
const SETPRIV = ['/usr/bin/setpriv', '/bin/setpriv'].find((path) => existsSync(path));

export function dieWithParent(command: readonly string[]): readonly string[] {
  return SETPRIV ? [SETPRIV, '--pdeathsig', 'KILL', ...command] : command;
}

const children = new Set<ChildProcess>();

export function rememberChild(child: ChildProcess): void {
  if (children.size === 0) process.once('exit', killAll);
  children.add(child);
}

export function forgetChild(child: ChildProcess): void {
  children.delete(child);
  if (children.size === 0) process.off('exit', killAll);
}

function killAll(): void {
  for (const child of children) child.kill('SIGKILL');
}
