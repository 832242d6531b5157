import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { WaybillError } from '@waybill/shared/base/errors';
import { installOnce } from './cache.ts';
import type { FetchOptions } from './fetch-package.ts';
import { run } from './process.ts';

/** Debian's first suite whose C library starts a mongod that was built for Ubuntu 24.04 (2.38). */
const SUITE = 'trixie';
const LIBRARIES = 'usr/lib/x86_64-linux-gnu';

/**
 * A folder with a newer C library than the machine's, and the loader that belongs to it. The
 * machine itself is not changed. The library comes from the Debian archive that the machine's own
 * apt sources name, and apt checks its signature.
 */
export async function newerLibc({ log, signal }: FetchOptions): Promise<string> {
  const folder = await installOnce(`libc-${SUITE}`, async (staging) => {
    log(`fetching a newer C library (Debian ${SUITE}) for mongod`);
    const archive = await debianArchive();
    const apt = join(staging, 'apt');
    await mkdir(join(apt, 'lists', 'partial'), { recursive: true });
    await mkdir(join(apt, 'cache', 'archives', 'partial'), { recursive: true });
    const signedBy = archive.signedBy ? ` [signed-by=${archive.signedBy}]` : '';
    const list = join(apt, 'sources.list');
    await writeFile(list, `deb${signedBy} ${archive.uri} ${SUITE} main\n`);
    const options = [
      `Dir::Etc::SourceList=${list}`,
      'Dir::Etc::SourceParts=-',
      `Dir::State::Lists=${join(apt, 'lists')}`,
      `Dir::Cache=${join(apt, 'cache')}`,
      'Acquire::Languages=none',
      'APT::Sandbox::User=',
    ].flatMap((option) => ['-o', option]);
    await must('apt-get', [...options, '-qq', 'update'], apt, signal);
    await must('apt-get', [...options, '-qq', 'download', `libc6/${SUITE}`], apt, signal);
    const deb = (await readdir(apt)).find((name) => name.endsWith('.deb'));
    if (!deb) throw unavailable('apt-get downloaded no package');
    await must('dpkg-deb', ['-x', deb, staging], apt, signal);
    await run('rm', ['-r', apt]);
  });
  return join(folder, LIBRARIES);
}

async function must(
  command: string,
  args: readonly string[],
  cwd: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { exitCode, stderr } = await run(command, args, { cwd, signal, timeoutMs: 180_000 });
  signal?.throwIfAborted();
  if (exitCode !== 0) throw unavailable(`${command} failed: ${stderr.trim().split('\n').at(-1)}`);
}

interface AptSource {
  readonly uri: string;
  readonly signedBy: string | undefined;
}

/**
 * The machine's own source for its release's main packages; the same archive holds the newer
 * suites.
 */
async function debianArchive(): Promise<AptSource> {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const codename = /^VERSION_CODENAME=(\w+)/m.exec(release)?.[1];
  if (!/^ID=debian$/m.test(release) || !codename) throw unavailable('this is not Debian');
  for (const file of await sourceFiles()) {
    const found = parseAptSources(await readFile(file, 'utf8'), codename);
    if (found) return found;
  }
  throw unavailable(`no apt source for Debian ${codename}`);
}

async function sourceFiles(): Promise<string[]> {
  const parts = await readdir('/etc/apt/sources.list.d').catch(() => []);
  const files = parts.filter((name) => /\.(list|sources)$/.test(name)).sort();
  const list = await readFile('/etc/apt/sources.list').then(
    () => ['/etc/apt/sources.list'],
    () => [],
  );
  return [...list, ...files.map((name) => join('/etc/apt/sources.list.d', name))];
}

/** Both forms that apt reads: stanzas of `Key: value`, and one line a source. */
export function parseAptSources(text: string, codename: string): AptSource | undefined {
  for (const stanza of text.split(/\n\s*\n/)) {
    const field = (name: string) => new RegExp(`^${name}:[ \\t]*(.+)$`, 'im').exec(stanza)?.[1]?.trim();
    const uri = field('URIs')?.split(/\s+/)[0];
    const fits = words(field('Suites')).includes(codename) && words(field('Components')).includes('main');
    if (uri && fits) return { uri, signedBy: field('Signed-By') };
  }
  for (const line of text.split('\n')) {
    const match = /^deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+(.+)$/.exec(line.trim());
    if (!match || match[3] !== codename || !words(match[4]).includes('main')) continue;
    return { uri: match[2]!, signedBy: /signed-by=(\S+)/i.exec(match[1] ?? '')?.[1] };
  }
  return undefined;
}

function words(text: string | undefined): string[] {
  return text?.split(/\s+/) ?? [];
}

function unavailable(reason: string): WaybillError {
  return new WaybillError(
    'SERVER_UNAVAILABLE',
    `The mongod that npm delivers needs a newer C library, and none could be fetched: ${reason}`,
    { hint: 'Install MongoDB 5.0 or newer, and set WAYBILL_MONGOD to its mongod.' },
  );
}
