import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '@waybill/demo/servers/temporary';
import { expect, it } from 'vitest';

const VERDICT = fileURLToPath(new URL('../../../.ci/verdict.js', import.meta.url));

interface Run {
  readonly passed?: number;
  readonly failed?: number;
  /** Files that failed without a test of theirs having failed. */
  readonly broken?: number;
  readonly status?: number;
  readonly hasReport?: boolean;
}

interface Verdict {
  readonly code: number;
  readonly last: string;
  readonly told: string;
}

async function verdict(...runs: readonly Run[]): Promise<Verdict> {
  await using folder = await temporaryFolder('verdict');
  const args: string[] = [];
  for (const [n, { passed = 0, failed = 0, broken = 0, status = 0, hasReport = true }] of runs.entries()) {
    const path = join(folder.path, `${n}.json`);
    const testResults = [
      ...Array.from({ length: broken }, () => ({ name: 'broken', status: 'failed', assertionResults: [] })),
      ...Array.from({ length: failed }, () => ({
        name: 'failed',
        status: 'failed',
        assertionResults: [{ status: 'failed', fullName: 'a test', failureMessages: ['its reason'] }],
      })),
    ];
    const report = { numPassedTests: passed, numFailedTests: failed, numPendingTests: 0, testResults };
    if (hasReport) await writeFile(path, JSON.stringify(report));
    args.push(path, String(status));
  }
  return await new Promise((resolve) => {
    execFile(process.execPath, [VERDICT, ...args], (error, stdout) => {
      const told = stdout.trim();
      resolve({ code: Number(error?.code ?? 0), last: told.split('\n').at(-1) ?? '', told });
    });
  });
}

it('adds up all runs', async () => {
  expect(await verdict({ passed: 3 }, { passed: 4 })).toMatchObject({ code: 0, last: '7 passed, 0 failed' });
});

it('fails when anything failed, in whichever run', async () => {
  const good = { passed: 3 };
  for (const bad of [
    { passed: 1, failed: 2, status: 1 },
    { passed: 1, broken: 2, status: 1 },
  ]) {
    expect(await verdict(good, bad)).toMatchObject({ code: 1, last: '4 passed, 2 failed' });
    expect(await verdict(bad, good)).toMatchObject({ code: 1, last: '4 passed, 2 failed' });
  }
});

it('tells at its end what failed, and why', async () => {
  const { told } = await verdict({ passed: 1, failed: 1, broken: 1, status: 1 });
  expect(told).toContain('failed as a whole: broken');
  expect(told).toContain('failed: failed\n  a test\n    its reason');
});

it('fails when a run left no report, ran nothing, or ended badly', async () => {
  const good = { passed: 3 };
  for (const bad of [{ passed: 1, hasReport: false }, { passed: 0 }, { passed: 1, status: 1 }]) {
    expect((await verdict(good, bad)).code).toBe(1);
    expect((await verdict(bad, good)).code).toBe(1);
  }
  expect((await verdict()).code).toBe(1);
});
