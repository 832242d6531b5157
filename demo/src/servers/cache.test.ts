import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { installOnce, isCached } from './cache.ts';

describe('installOnce', () => {
  let folder: string;
  const before = process.env.WAYBILL_CACHE;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cache-test-'));
    process.env.WAYBILL_CACHE = join(folder, 'cache');
  });

  afterEach(async () => {
    if (before === undefined) delete process.env.WAYBILL_CACHE;
    else process.env.WAYBILL_CACHE = before;
    await rm(folder, { recursive: true });
  });

  it('fills a folder once', async () => {
    const fill = (text: string) => (staging: string) => writeFile(join(staging, 'file'), text);
    const first = await installOnce('thing', fill('one'));
    const second = await installOnce('thing', fill('two'));
    expect(second).toBe(first);
    expect(await readFile(join(first, 'file'), 'utf8')).toBe('one');
  });

  it('leaves nothing behind when filling fails', async () => {
    const fails = installOnce('thing', async (staging) => {
      await writeFile(join(staging, 'half'), '');
      throw new Error('no network');
    });
    await expect(fails).rejects.toThrow('no network');
    expect(await isCached('thing')).toBe(false);
    expect(await readdir(process.env.WAYBILL_CACHE!)).toEqual([]);
  });

  it('lets one of two at once win, and gives both its folder', async () => {
    const fill = (text: string) => (staging: string) => writeFile(join(staging, 'file'), text);
    const [a, b] = await Promise.all([installOnce('thing', fill('a')), installOnce('thing', fill('b'))]);
    expect(a).toBe(b);
    expect(await readdir(process.env.WAYBILL_CACHE!)).toEqual(['thing']);
  });
});
