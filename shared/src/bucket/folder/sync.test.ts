/**
 * A directory whose sync fails: what stands in it may be gone after a power cut, so nobody may
 * build on it.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Bucket } from '../bucket.ts';
import { openFolder } from './folder.ts';
import * as io from './io.ts';

vi.mock('./io.ts', { spy: true });

let folder: string;
let bucket: Bucket;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waybill-sync-'));
  bucket = await openFolder(folder);
  await bucket.put('s/manifest/1', Buffer.from('x'), { ifAbsent: true });
});
afterEach(async () => {
  vi.mocked(io.syncDirectory).mockReset();
  await rm(folder, { recursive: true });
});

test('a put whose directory could not be synced is not taken for done, however often it is tried', async () => {
  const body = Buffer.from('second');
  vi.mocked(io.syncDirectory).mockRejectedValue(Object.assign(new Error('EIO'), { code: 'EIO' }));
  for (let attempt = 0; attempt < 3; attempt++) {
    await expect(bucket.put('s/manifest/2', body, { ifAbsent: true })).rejects.toMatchObject({
      code: 'BUCKET_UNAVAILABLE',
      kind: 'transient',
    });
  }
  vi.mocked(io.syncDirectory).mockReset();
  await expect(bucket.put('s/manifest/2', body, { ifAbsent: true })).rejects.toMatchObject({
    code: 'BUCKET_OBJECT_EXISTS',
  });
  expect(await bucket.get('s/manifest/2')).toEqual(body);
});

test('a new bucket whose own entry cannot be synced is not taken for made', async () => {
  const fresh = await openFolder(join(folder, 'deep/er'));
  const { syncDirectory } = await vi.importActual<typeof io>('./io.ts');
  vi.mocked(io.syncDirectory).mockImplementation(async (directory) => {
    if (directory === join(folder, 'deep')) throw Object.assign(new Error('EIO'), { code: 'EIO' });
    await syncDirectory(directory);
  });
  await expect(fresh.put('s/k', Buffer.from('x'))).rejects.toMatchObject({ code: 'BUCKET_UNAVAILABLE' });
});
