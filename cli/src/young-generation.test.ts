import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const MIB = 1 << 20;

/** The most that new space has, in bytes, of a process in which much lives for a moment. */
async function mostOf(first: string): Promise<number> {
  const script = `
    import { getHeapSpaceStatistics } from 'node:v8';
    import { setTimeout as sleep } from 'node:timers/promises';
    ${first}
    let most = 0;
    const kept = [];
    for (let round = 0; round < 300; round++) {
      kept.push(Array.from({ length: 20_000 }, (_, i) => ({ i })));
      if (kept.length > 30) kept.shift();
      most = Math.max(most, getHeapSpaceStatistics().find((space) => space.space_name === 'new_space').space_size);
      await sleep(3);
    }
    console.log(most);`;
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script]);
  return Number(stdout);
}

it('stops growing where it is told to, and would grow further by itself', async () => {
  const here = new URL('./young-generation.ts', import.meta.url).href;
  const bounded = `import { boundYoungGeneration } from '${here}'; boundYoungGeneration(); await sleep(100);`;
  const [free, kept] = await Promise.all([mostOf(''), mostOf(bounded)]);
  // A look may come late, after one more doubling.
  expect(kept).toBeLessThanOrEqual(32 * MIB);
  expect(free).toBeGreaterThan(kept);
});
