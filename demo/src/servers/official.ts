import { chmod, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { WaybillError } from '@waybill/shared/base/errors';
import { DryMongoBinary } from 'mongodb-memory-server-core/lib/util/DryMongoBinary.js';
import { MongoBinaryDownload } from 'mongodb-memory-server-core/lib/util/MongoBinaryDownload.js';
import { MongoBinaryDownloadUrl } from 'mongodb-memory-server-core/lib/util/MongoBinaryDownloadUrl.js';
import { DEFAULT_VERSION } from 'mongodb-memory-server-core/lib/util/resolveConfig.js';
import { cacheFolder, installOnce, isCached } from './cache.ts';
import type { FetchOptions } from './fetch-package.ts';

/** On a closed network, the next way is tried after this time. */
const REACHABLE_MS = 4_000;
const CACHE_NAME = `mongodb-official-${DEFAULT_VERSION}`;

export function officialMongodPath(): string {
  return join(cacheFolder(), CACHE_NAME, process.platform === 'win32' ? 'mongod.exe' : 'mongod');
}

export function isOfficialCached(): Promise<boolean> {
  return isCached(CACHE_NAME);
}

/**
 * The vendor's own build for this machine. Errors: SERVER_UNAVAILABLE when the vendor's site is out
 * of reach.
 */
export async function fetchOfficialMongod({ log, signal }: FetchOptions): Promise<string> {
  const { platform, arch, os } = await DryMongoBinary.generateOptions({ version: DEFAULT_VERSION });
  const target = { version: DEFAULT_VERSION, platform, arch, os };
  const url = await new MongoBinaryDownloadUrl(target).getDownloadUrl();
  if (!(await reachable(url, signal))) {
    throw new WaybillError('SERVER_UNAVAILABLE', 'The official download of MongoDB is out of reach');
  }
  await installOnce(CACHE_NAME, async (folder) => {
    log(`downloading MongoDB ${DEFAULT_VERSION}`);
    // Without this, the downloader accepts any certificate.
    process.env.npm_config_strict_ssl = 'true';
    const download = new QuietDownload({ ...target, downloadDir: folder, checkMD5: true }, log);
    const mongod = await download.getMongodPath();
    await chmod(mongod, 0o755);
    await rename(mongod, join(folder, process.platform === 'win32' ? 'mongod.exe' : 'mongod'));
    await rm(join(folder, '.lock'), { force: true });
  });
  return officialMongodPath();
}

async function reachable(url: string, signal: AbortSignal | undefined): Promise<boolean> {
  const timeout = AbortSignal.timeout(REACHABLE_MS);
  try {
    const response = await fetch(url, {
      method: 'HEAD',
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
    return response.ok;
  } catch {
    signal?.throwIfAborted();
    return false;
  }
}

/**
 * The downloader writes its progress to standard output, but only the command's answer belongs
 * there.
 */
class QuietDownload extends MongoBinaryDownload {
  readonly #log: (message: string) => void;
  #tenths = 0;

  constructor(options: ConstructorParameters<typeof MongoBinaryDownload>[0], log: (message: string) => void) {
    super(options);
    this.#log = log;
  }

  override printDownloadProgress(chunk: { length: number }): void {
    this.dlProgress.current += chunk.length;
    const tenths = Math.floor((this.dlProgress.current / Math.max(1, this.dlProgress.length)) * 10);
    if (tenths <= this.#tenths) return;
    this.#tenths = tenths;
    this.#log(`downloading MongoDB: ${tenths * 10} %`);
  }
}
