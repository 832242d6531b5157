import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WaybillError } from '@waybill/shared/base/errors';
import { silentLogger } from '@waybill/shared/base/logger';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import type { StreamIdentity } from '@waybill/shared/manifest/commit';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { LoadLog } from '../progress/load-log.ts';
import type { CutoverContext } from './context.ts';
import { EndedLoad } from './load-end.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'waybill-end-'));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

it('closes the log that it has taken where the target fails after that', async () => {
  const closed = vi.spyOn(LoadLog.prototype, 'close');
  const bucket = await openBucket(folder);
  const failure = new WaybillError('MONGO_UNAUTHORIZED', 'not permitted');
  const find = () => Promise.reject(failure);
  const context = {
    bucket,
    target: { url: 'here', forLoad: async () => ({ progress: { find } }) },
    logger: silentLogger,
    onStep: () => undefined,
    settings: { stream: 'default', load: 'default', progressDatabase: 'waybill' },
    signal: new AbortController().signal,
  } as unknown as CutoverContext;
  await expect(EndedLoad.take(context, {} as StreamIdentity)).rejects.toBe(failure);
  expect(closed).toHaveBeenCalledTimes(1);
  await bucket.close();
});
