import { chmod, cp, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { installOnce, isCached } from '@waybill/demo/servers/cache';
import type { FetchOptions } from '@waybill/demo/servers/fetch-package';
import type { ServerBinary } from '@waybill/demo/servers/find';
import { type RunResult, run } from '@waybill/demo/servers/process';
import { WaybillError } from '@waybill/shared/base/errors';

/** A server that is published as a Go module. Its go.sum pins everything that it is built from. */
export interface GoProgram {
  readonly program: string;
  readonly module: string;
  readonly version: string;
  /** The module's, as `go mod download -json` prints it. */
  readonly sum: string;
  /** The package to build, from the module's folder. */
  readonly package: string;
  /** Build tags. */
  readonly tags?: readonly string[];
  /** Files, by their paths, that the build embeds and the published module lacks. */
  readonly added?: Readonly<Record<string, string>>;
}

/** A build takes two to three minutes on two cores. Longer than this is a hang. */
const BUILD_TIMEOUT_MS = 15 * 60_000;

/**
 * The program, built if it isn't in the cache yet. The build runs in the module's own folder, where
 * its go.sum and `replace` lines apply; in a scratch module they would not. Errors:
 * SERVER_UNAVAILABLE.
 */
export async function goProgram(wanted: GoProgram, options: FetchOptions): Promise<ServerBinary> {
  const { program, version } = wanted;
  const name = `${program}-${version}`;
  const origin = (await isCached(name)) ? 'cache' : 'Go modules';
  const folder = await installOnce(name, (staging) => build(wanted, staging, options));
  return { command: join(folder, program), leadingArgs: [], version, origin };
}

async function build(wanted: GoProgram, folder: string, { log, signal }: FetchOptions): Promise<void> {
  const name = `${wanted.module}@${wanted.version}`;
  log(`building ${name}`);
  const started = Date.now();
  const ticker = setInterval(() => {
    log(`still building ${wanted.program} (${Math.round((Date.now() - started) / 1000)} s)`);
  }, 20_000);
  try {
    const limits = { signal, timeoutMs: BUILD_TIMEOUT_MS };
    const download = await run('go', ['mod', 'download', '-json', name], { ...limits, cwd: folder });
    const source = await withAdded(wanted, moduleFolder(wanted, download), folder);
    const output = join(folder, wanted.program);
    const tags = wanted.tags ? ['-tags', wanted.tags.join()] : [];
    const flags = ['-mod=readonly', '-trimpath', '-ldflags=-s -w', ...tags, '-o', output];
    const built = await run('go', ['build', ...flags, wanted.package], { ...limits, cwd: source.path });
    await source.clear();
    signal?.throwIfAborted();
    if (built.exitCode !== 0) throw unavailable(`Go could not build ${name}`, built);
  } finally {
    clearInterval(ticker);
  }
  log(`built ${name} in ${Math.round((Date.now() - started) / 1000)} s`);
}

interface Source {
  readonly path: string;
  clear(): Promise<void>;
}

/** Where to build. Go takes no overlays of its module cache, so a module may have to be copied. */
async function withAdded({ added }: GoProgram, module: string, folder: string): Promise<Source> {
  if (!added) return { path: module, clear: async () => undefined };
  const path = join(folder, 'source');
  await cp(module, path, { recursive: true });
  // In the cache even folders are read-only.
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory());
  for (const each of [path, ...folders.map(({ parentPath, name }) => join(parentPath, name))]) {
    await chmod(each, 0o755);
  }
  for (const [name, text] of Object.entries(added)) await writeFile(join(path, name), text);
  return { path, clear: () => rm(path, { recursive: true, force: true }) };
}

function moduleFolder(wanted: GoProgram, result: RunResult): string {
  const name = `${wanted.module}@${wanted.version}`;
  if (result.exitCode !== 0) throw unavailable(`Go could not fetch ${name}`, result);
  const { Dir, Sum } = JSON.parse(result.stdout) as { Dir: string; Sum: string };
  if (Sum === wanted.sum) return Dir;
  throw new WaybillError(
    'SERVER_UNAVAILABLE',
    `${name} is not the module that Waybill is tested with: its sum differs`,
  );
}

function unavailable(message: string, { stdout, stderr }: RunResult): WaybillError {
  const said = (stderr || stdout).trim().split('\n').at(-1)?.slice(0, 300) ?? '';
  return new WaybillError('SERVER_UNAVAILABLE', `${message}: ${said}`, {
    hint: 'Install Go 1.26 or newer, and check that it reaches a module proxy.',
  });
}
