import { expect, test } from 'vitest';
import { run } from './process.ts';

const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;

test('a command that cannot be started leaves nothing that keeps the process alive', async () => {
  const before = timers();
  const result = await run('no-such-command-anywhere', [], { timeoutMs: 60_000 });
  expect(result.exitCode).toBeNull();
  expect(result.stderr).toContain('ENOENT');
  expect(timers()).toBe(before);
});

test('a command that takes too long is killed', async () => {
  const script = ['-e', 'setTimeout(() => {}, 60_000)'];
  expect((await run(process.execPath, script, { timeoutMs: 300 })).exitCode).toBeNull();
});
