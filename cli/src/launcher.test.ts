/** bin/waybill.js under a Node that is too old for it: the same file, told that every Node is. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

const MAIN = `
import { writeFileSync } from 'node:fs';
export async function main(argv: string[], options: { signalsComeTwice: boolean }): Promise<void> {
  if (argv[0] === 'exit') { process.exitCode = Number(argv[1]); return; }
  process.once('SIGTERM', () => process.exit(7));
  setInterval(() => {}, 1000);
  writeFileSync(argv[0], JSON.stringify({ pid: process.pid, argv, options, threads: process.env.UV_THREADPOOL_SIZE }));
}
`;

let home: string;
const started: ChildProcess[] = [];

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'waybill-launcher-'));
  for (const folder of ['bin', 'src', 'node_modules/node/bin'])
    mkdirSync(join(home, folder), { recursive: true });
  const launcher = readFileSync(new URL('../bin/waybill.js', import.meta.url), 'utf8');
  const strict = launcher.replace('LEAST_NODE = [24, 3]', 'LEAST_NODE = [999, 0]');
  expect(strict).not.toBe(launcher);
  writeFileSync(join(home, 'package.json'), '{"type":"module"}');
  writeFileSync(join(home, 'bin/waybill.js'), strict);
  writeFileSync(join(home, 'src/main.ts'), MAIN);
  writeFileSync(join(home, 'node_modules/node/package.json'), '{"name":"node","version":"24.0.0"}');
  symlinkSync(process.execPath, join(home, 'node_modules/node/bin/node'));
});

afterAll(() => {
  for (const child of started) child.kill('SIGKILL');
  rmSync(home, { recursive: true, force: true });
});

function launch(from: string, ...argv: string[]): ChildProcess {
  const child = spawn(process.execPath, [join(from, 'bin/waybill.js'), ...argv], {
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  started.push(child);
  return child;
}

async function launchWaiting(name: string): Promise<{ launcher: ChildProcess; told: { pid: number } }> {
  const file = join(home, name);
  const launcher = launch(home, file);
  const told = await vi.waitFor(() => JSON.parse(readFileSync(file, 'utf8')) as { pid: number }, {
    timeout: 20_000,
  });
  return { launcher, told };
}

async function gone(pid: number): Promise<void> {
  await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow('ESRCH'), { timeout: 20_000 });
}

describe('the launcher', () => {
  it('passes arguments on and the exit code back', async () => {
    const [code] = await once(launch(home, 'exit', '5'), 'exit');
    expect(code).toBe(5);
  });

  it('passes signals on and exits as the child does', async () => {
    const { launcher, told } = await launchWaiting('term');
    expect(told).toMatchObject({
      argv: [join(home, 'term')],
      options: { signalsComeTwice: true },
      threads: expect.stringMatching(/^\d+$/),
    });
    expect(told.pid).not.toBe(launcher.pid);
    launcher.kill('SIGTERM');
    expect(await once(launcher, 'exit')).toEqual([7, null]);
  });

  it('dies of the signal that killed the child', async () => {
    const { launcher, told } = await launchWaiting('killed');
    process.kill(told.pid, 'SIGKILL');
    expect(await once(launcher, 'exit')).toEqual([null, 'SIGKILL']);
  });

  it('leaves no child behind when it is killed', async () => {
    const { launcher, told } = await launchWaiting('orphan');
    launcher.kill('SIGKILL');
    await gone(told.pid);
  });

  it('says what is missing where the pinned Node is', async () => {
    const bare = join(home, 'bare');
    cpSync(join(home, 'bin'), join(bare, 'bin'), { recursive: true });
    writeFileSync(join(bare, 'package.json'), '{"type":"module"}');
    rmSync(join(home, 'node_modules'), { recursive: true });
    const launcher = launch(bare, 'exit', '0');
    let text = '';
    launcher.stderr!.on('data', (chunk) => {
      text += chunk;
    });
    const [code] = await once(launcher, 'close');
    expect(code).toBe(1);
    expect(text).toMatch(/^error: Waybill needs Node .*\nhint: Install Node/);
  });
});
