import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';

/**
 * No server outlives the process that started it. Two nets: an exit handler for an orderly end, and
 * on Linux the kernel's parent-death signal (set by util-linux's setpriv, which then becomes the
 * program), which also holds when this process is killed.
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
