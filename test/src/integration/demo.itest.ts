import { temporaryFolder } from '@waybill/demo/servers/temporary';
import { expect, it } from 'vitest';
import { awaitUntil } from '../support/await-until.ts';
import { compareDeployments } from '../support/compare.ts';
import { describeWithServer } from '../support/servers.ts';
import { runWaybill, spawnWaybill } from '../support/waybill.ts';

interface DemoResult {
  readonly bucket: string;
  readonly source: string;
  readonly target: string;
  readonly application: {
    readonly operations: number;
    readonly counts: Readonly<Record<string, number>>;
    readonly structure: readonly string[];
  };
  readonly milestones: readonly { readonly of: string; readonly name: string }[];
  readonly verification: { readonly same: boolean };
}

await describeWithServer('waybill demo', () => {
  it('copies a source in use, cuts over, and leaves two servers that hold the same bytes', async () => {
    await using folder = await temporaryFolder('demo');
    await using demo = spawnWaybill(['demo', '--keep', '--json'], { cwd: folder.path, timeoutMs: 170_000 });
    const result = await awaitUntil(
      'the demo has told its result',
      () => {
        if (!demo.isRunning) throw new Error(`the demo ended early: ${demo.stderr}`);
        return parsed(demo.stdout);
      },
      { timeoutMs: 165_000 },
    );
    expect(result.verification.same).toBe(true);
    expect(result.application.counts).toMatchObject({
      insert: expect.any(Number),
      replace: expect.any(Number),
      delete: expect.any(Number),
      deleteAndReinsert: expect.any(Number),
      transaction: expect.any(Number),
    });
    expect(result.application.structure.join('\n')).toMatch(/renamed to/);
    const names = result.milestones.map(({ of, name }) => `${of} ${name}`);
    expect(names).toEqual(
      expect.arrayContaining(['capture drained', 'load drained', 'load verified', 'load cutover']),
    );

    expect(await compareDeployments(result.source, result.target)).toEqual([]);
    const status = await runWaybill(['status', '--bucket', result.bucket, '--json']);
    expect(status.exitCode, status.stderr).toBe(0);

    demo.kill('SIGINT');
    const end = await demo.ended;
    expect(end.exitCode, end.stderr).toBe(0);
  }, 180_000);
});

function parsed(text: string): DemoResult | undefined {
  try {
    return JSON.parse(text) as DemoResult;
  } catch {
    return undefined;
  }
}
