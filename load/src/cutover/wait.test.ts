import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clusterTime } from '@waybill/shared/base/position';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import { EMPTY_STATE } from '@waybill/shared/manifest/state';
import { ManifestWriter } from '@waybill/shared/manifest/writer';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { noteOf } from '../rate/control.ts';
import { assertNotPaused, captureStalled, waitForMilestone } from './wait.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'waybill-wait-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const drained = {
  name: 'drained',
  time: clusterTime(200, 1),
  timeOf: ({ clusterTime: time }: { readonly clusterTime: string | null }) => time,
} as const;

/** Commits once in a while, until the waiting ends; tells how it ended. */
async function waitWhile(
  commitOnce: (writer: ManifestWriter, round: number) => Promise<unknown>,
): Promise<string> {
  const bucket = await openBucket(folder);
  const writer = await ManifestWriter.acquire({ bucket, prefix: 'shop', writer: 'one' });
  const stop = new AbortController();
  let ended: string | null = null;
  const waiting = waitForMilestone(bucket, 'shop', drained, () => captureStalled('shop'), {
    signal: stop.signal,
    wait: 1000,
  }).then(
    ({ milestone }) => milestone.name,
    (error: { readonly code: string }) => error.code,
  );
  void waiting.then((how) => {
    ended = how;
  });
  for (let round = 0; ended === null && round < 60; round++) {
    await commitOnce(writer, round);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const how = ended ?? 'it waits on';
  stop.abort();
  await waiting;
  await writer.close();
  await bucket.close();
  return how;
}

it('is given up where the log only shows that its writer lives', async () => {
  expect(await waitWhile((writer) => writer.commit({}))).toBe('CUTOVER_NOT_READY');
});

it('goes on while the position does, for longer than a wait may stand still', async () => {
  const how = await waitWhile((writer, round) =>
    writer.commit(
      round < 30
        ? { position: { clusterTime: `${100 + round}:1`, resumeToken: null, options: '' } }
        : {
            milestones: [
              { name: 'drained', at: new Date().toISOString(), clusterTime: '200:1', sequence: 0 },
            ],
          },
    ),
  );
  expect(how).toBe('drained');
});

it('a cutover does not wait for a load that is paused', () => {
  const paused = { ...EMPTY_STATE, milestones: [noteOf({ kind: 'paused' })] };
  expect(() => assertNotPaused(paused, 'main')).toThrow(
    expect.objectContaining({ code: 'CUTOVER_NOT_READY', hint: expect.stringContaining('--resume') }),
  );
  const resumed = { ...paused, milestones: [...paused.milestones, noteOf({ kind: 'resumed' })] };
  expect(() => assertNotPaused(resumed, 'main')).not.toThrow();
  expect(() => assertNotPaused(EMPTY_STATE, 'main')).not.toThrow();
});
