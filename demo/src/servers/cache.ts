import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where fetched servers are kept between runs: `WAYBILL_CACHE`, or `~/.cache/waybill`. */
export function cacheFolder(): string {
  return process.env.WAYBILL_CACHE || join(homedir(), '.cache', 'waybill');
}

export async function isCached(name: string): Promise<boolean> {
  return (await stat(join(cacheFolder(), name)).catch(() => undefined)) !== undefined;
}

/**
 * The folder `name` in the cache. `fill` makes its content if it isn't there yet. The folder
 * appears whole or not at all: it is filled under another name, then renamed. A crash leaves a
 * staging folder that nobody reads. If two processes fill it at once, one wins and the other uses
 * the winner's.
 */
export async function installOnce(name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(cacheFolder(), name);
  if (await isCached(name)) return folder;
  await mkdir(cacheFolder(), { recursive: true });
  await sweepStaging();
  const staging = await mkdtemp(join(cacheFolder(), `.staging-${name}-`));
  try {
    await fill(staging);
    await rename(staging, folder).catch(async (error: unknown) => {
      if (!(await isCached(name))) throw error;
    });
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  return folder;
}

/** No fetch takes this long, so an older staging folder belongs to a process that has ended. */
const STAGING_MAX_AGE_MS = 60 * 60_000;

async function sweepStaging(): Promise<void> {
  for (const name of await readdir(cacheFolder())) {
    if (!name.startsWith('.staging-')) continue;
    const path = join(cacheFolder(), name);
    const info = await stat(path).catch(() => undefined);
    if (info && Date.now() - info.mtimeMs > STAGING_MAX_AGE_MS)
      await rm(path, { recursive: true, force: true });
  }
}
