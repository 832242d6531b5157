import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TemporaryFolder extends AsyncDisposable {
  readonly path: string;
  remove(): Promise<void>;
}

const PREFIX = 'waybill-';

/**
 * A folder whose name holds its process's id, so a later process can remove what a killed one left.
 */
export async function temporaryFolder(purpose: string): Promise<TemporaryFolder> {
  await sweep();
  const path = await mkdtemp(join(tmpdir(), `${PREFIX}${purpose}-${process.pid}-`));
  const remove = () => rm(path, { recursive: true, force: true, maxRetries: 5 });
  return { path, remove, [Symbol.asyncDispose]: remove };
}

let swept: Promise<void> | undefined;

/** Removes temporary folders of processes that have ended. Runs once in each process. */
function sweep(): Promise<void> {
  swept ??= (async () => {
    for (const name of await readdir(tmpdir())) {
      const owner = /^waybill-[a-z-]+-(\d+)-\w+$/.exec(name)?.[1];
      if (!owner || isAlive(Number(owner))) continue;
      await rm(join(tmpdir(), name), { recursive: true, force: true }).catch(() => undefined);
    }
  })();
  return swept;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

export async function writeKeyFile(folder: string): Promise<string> {
  const path = join(folder, 'key-file');
  await writeFile(path, randomBytes(96).toString('base64'), { mode: 0o600 });
  return path;
}
