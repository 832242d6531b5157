import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/**
 * Identifies this process, so that another one on the same machine can tell if it is still alive:
 * boot, process-id namespace, process id, start time. Null if the system does not tell all of them;
 * then nobody concludes anything.
 */
export function processIdentity(): string | null {
  return identityOf(process.pid);
}

/**
 * True only if that process ran on this machine, since its last boot, in our process-id namespace,
 * and is gone.
 */
export function isCertainlyDead(identity: string): boolean {
  const own = processIdentity();
  if (own === null) return false;
  const [boot, namespace, pid] = identity.split('|');
  const [ownBoot, ownNamespace] = own.split('|');
  if (boot !== ownBoot || namespace !== ownNamespace || !/^\d+$/.test(pid ?? '')) return false;
  if (identityOf(Number(pid)) === identity) return false;
  // A process runs under that id, or may run where we cannot see it. Only "no such process" or
  // another start counts.
  return !isRunning(Number(pid)) || identityOf(Number(pid)) !== null;
}

/** Names the holder of a load, for people. */
export function writerName(): string {
  return `${hostname()}:${process.pid}`;
}

function identityOf(pid: number): string | null {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const namespace = readlinkSync('/proc/self/ns/pid');
    // The name in parentheses may hold anything. The 20th field after it is the start time, in
    // ticks since boot.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const started = rest[18];
    // A zombie sends nothing any more, but its sockets may still be open: treat it as any other
    // process.
    if (started === undefined || state === undefined) return null;
    return [boot, namespace, pid, started].join('|');
  } catch {
    return null;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH');
  }
}
