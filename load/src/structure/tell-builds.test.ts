import { type Logger, silentLogger } from '@waybill/shared/base/logger';
import { expect, it } from 'vitest';
import type { BuildProgress, LoadTarget } from '../target/target.ts';
import { tellingProgress } from './tell-builds.ts';

/** Gives the target's answers one after the other, and ends the build when all are told. */
async function told(answers: readonly (BuildProgress | null | Error)[]): Promise<unknown[]> {
  const lines: unknown[] = [];
  const left = [...answers];
  const { promise, resolve } = Promise.withResolvers<string>();
  const target = {
    buildProgress: async () => {
      const answer = left.shift()!;
      if (left.length === 0) queueMicrotask(() => setTimeout(resolve, 20, 'built'));
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
  const logger: Logger = { ...silentLogger, info: (_text, fields) => void lines.push(fields) };
  const { signal } = new AbortController();
  const context = { target: target as unknown as LoadTarget, logger, signal };
  expect(await tellingProgress(context, 'a.b', () => promise, 5)).toBe('built');
  return lines;
}

it('tells how far builds are, as far as the target shows it', async () => {
  const lines = await told([{ done: 1, total: 8 }, null, { done: 8, total: 8 }]);
  expect(lines.slice(0, 3)).toEqual([
    { namespace: 'a.b', percent: 12 },
    { namespace: 'a.b' },
    { namespace: 'a.b', percent: 100 },
  ]);
});

it('leaves it to the build to fail', async () => {
  expect(await told([{ done: 1, total: 2 }, new Error('away')])).toHaveLength(1);
});

it('tells nothing of a build that is soon done, and fails as it does', async () => {
  const context = { target: {} as LoadTarget, logger: silentLogger, signal: new AbortController().signal };
  expect(await tellingProgress(context, 'a.b', async () => 7)).toBe(7);
  const failing = async () => {
    throw new Error('refused');
  };
  await expect(tellingProgress(context, 'a.b', failing)).rejects.toThrow('refused');
});
