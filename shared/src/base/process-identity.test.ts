import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isCertainlyDead, processIdentity } from './process-identity.ts';

describe.skipIf(!existsSync('/proc/self/stat'))('process identity', () => {
  it('does not take the living for dead, nor what it knows nothing of', () => {
    const own = processIdentity()!;
    expect(isCertainlyDead(own)).toBe(false);
    const [, namespace, pid, started] = own.split('|');
    expect(isCertainlyDead(['another boot', namespace, pid, started].join('|'))).toBe(false);
    expect(isCertainlyDead('nonsense')).toBe(false);
    expect(isCertainlyDead('')).toBe(false);
  });

  it('takes an ended process for dead, and one that has its id again', async () => {
    const child = spawn(process.execPath, ['-e', ''], { stdio: 'ignore' });
    await once(child, 'exit');
    const [boot, namespace, pid, started] = processIdentity()!.split('|');
    expect(isCertainlyDead([boot, namespace, child.pid, started].join('|'))).toBe(true);
    expect(isCertainlyDead([boot, namespace, pid, Number(started) - 1].join('|'))).toBe(true);
  });
});
