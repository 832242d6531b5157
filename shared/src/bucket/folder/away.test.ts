/**
 * A folder that goes away and comes back, as a mount does: what a mount point without its mount
 * shows is not the bucket.
 */
import { cp, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Bucket } from '../bucket.ts';
import { openFolder } from './folder.ts';

let base: string;
let folder: string;
let bucket: Bucket;
const bytes = Buffer.from('x');

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'waybill-away-'));
  folder = join(base, 'bucket');
  bucket = await openFolder(folder);
  await bucket.put('s/manifest/1', bytes, { ifAbsent: true });
});
afterEach(() => rm(base, { recursive: true }));

async function listed(prefix: string): Promise<string[]> {
  return Array.fromAsync(bucket.list(prefix), ({ key }) => key);
}

const CALLS: readonly (readonly [string, () => Promise<unknown>])[] = [
  ['put', () => bucket.put('s/manifest/2', bytes)],
  ['put if absent', () => bucket.put('s/manifest/2', bytes, { ifAbsent: true })],
  ['put into a new folder', () => bucket.put('s/segments/a/b/2', bytes, { ifAbsent: true })],
  ['get', () => bucket.get('s/manifest/1')],
  ['get what is not there', () => bucket.get('s/manifest/2')],
  ['head', () => bucket.head('s/manifest/2')],
  ['list', () => listed('s/')],
  ['delete', () => bucket.delete('s/manifest/2')],
];

async function expectAway(at: string): Promise<void> {
  for (const [name, call] of CALLS) {
    await expect(call(), name).rejects.toMatchObject({
      code: 'BUCKET_UNAVAILABLE',
      kind: 'transient',
      message: expect.stringContaining(at),
    });
  }
}

describe.each([
  ['the root', ''],
  ['the folder of a stream', 's'],
])('%s', (_what, part) => {
  test('is never made again, nor another taken for it, and works when it is back', async () => {
    const at = join(folder, part);
    await rename(at, join(base, 'elsewhere'));
    await expectAway(at);
    await expect(stat(at)).rejects.toMatchObject({ code: 'ENOENT' });

    await mkdir(at);
    await expectAway(at);
    expect(await readdir(at)).toEqual([]);

    await rm(at, { recursive: true });
    await rename(join(base, 'elsewhere'), at);
    await bucket.put('s/manifest/2', bytes, { ifAbsent: true });
    expect(await listed('s/')).toEqual(['s/manifest/1', 's/manifest/2']);
  });
});

test('the same bucket under other numbers, as a mount may have, is known by its marker, another is not', async () => {
  const other = await openFolder(join(base, 'other'));
  await other.put('s/manifest/1', bytes);
  await cp(folder, join(base, 'copy'), { recursive: true });
  await rm(folder, { recursive: true });
  await rename(join(base, 'other'), folder);
  await expectAway(folder);
  await rm(folder, { recursive: true });
  await rename(join(base, 'copy'), folder);
  await bucket.put('s/manifest/2', bytes, { ifAbsent: true });
  expect(await listed('')).toEqual(['s/manifest/1', 's/manifest/2']);
});

test('a folder that no bucket was seen in is an empty one, until somebody makes it', async () => {
  const reader = await openFolder(join(base, 'new'));
  expect(await reader.head('s/k')).toBeNull();
  const writer = await openFolder(join(base, 'new'));
  await writer.put('s/k', bytes);
  expect(await reader.head('s/k')).not.toBeNull();
  await rename(join(base, 'new'), join(base, 'newer'));
  await expect(reader.head('s/k')).rejects.toMatchObject({ code: 'BUCKET_UNAVAILABLE' });
});
