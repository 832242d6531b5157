/**
 * How an object of a folder is written.
 *
 * 1. A put writes a file under `.tmp/`, syncs it, then links it (ifAbsent) or renames it into
 *    place, then syncs the directory. The link fails where a file stands already: that is the exact
 *    put-if-absent. Rejected: opening the final name exclusively, because a reader could then see a
 *    part.
 * 2. A crash before the link leaves a file in `.tmp/`, which is no object; who cleans up removes it
 *    by age. A crash between link and directory sync leaves a whole object, or after a power cut
 *    none; the put had not succeeded yet.
 * 3. A directory's entry is synced before anything in it counts as durable, also where another
 *    writer made it. Where that sync fails the object stands, and the next put of its key fails
 *    too until the sync has succeeded.
 */
import { randomUUID } from 'node:crypto';
import { type FileHandle, link, open, rename, unlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { hasCode, WaybillError } from '../../base/errors.ts';
import { throwIfAborted } from '../../base/lifecycle.ts';
import type { PutOptions } from '../bucket.ts';
import { drain } from '../drain.ts';
import { shownKey } from '../key.ts';
import { errno, folderError, linkError } from './error.ts';
import { makeDirectory, syncDirectory, writeAll } from './io.ts';
import { type FolderRoot, MARKER } from './root.ts';

export const TEMPORARY = '.tmp';
/** The folder may have had a `.tmp` before it had us: what is not named so is somebody else's. */
export const TEMPORARY_FILE = /^waybill-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:-2)?$/;
/** Directories remembered as durable; only the cost of a few syncs depends on it. */
const DURABLE_LIMIT = 1000;

export class FolderFiles {
  readonly #root: FolderRoot;
  readonly #durable = new Set<string>();

  constructor(root: FolderRoot) {
    this.#root = root;
  }

  async put(
    key: string,
    path: string,
    body: Uint8Array | AsyncIterable<Uint8Array>,
    options: PutOptions,
  ): Promise<void> {
    await this.#root.make(key);
    // A probe may find out that this is not the place: then nothing of ours stays there.
    if (!this.#root.hasMarker && !key.startsWith('.')) await this.#putMarker();
    await this.#write(key, path, body, options);
    await this.#sync(path, key);
  }

  async #putMarker(): Promise<void> {
    const path = join(this.#root.path, MARKER);
    try {
      await this.#write(MARKER, path, Buffer.from(this.#root.newMarker()), { ifAbsent: true });
    } catch (error) {
      if (!hasCode(error, 'BUCKET_OBJECT_EXISTS')) throw error;
    }
    await this.#sync(path, MARKER);
    await this.#root.takeMarker();
  }

  async #write(
    key: string,
    path: string,
    body: Uint8Array | AsyncIterable<Uint8Array>,
    { ifAbsent = false, signal }: PutOptions,
  ): Promise<void> {
    const temporary = join(this.#root.path, TEMPORARY, `waybill-${randomUUID()}`);
    try {
      await this.#writeTemporary(temporary, body, key, signal);
      throwIfAborted(signal);
      await this.#place(temporary, path, key, ifAbsent);
    } finally {
      // After a rename there is nothing left; what stays behind after a crash is removed by age.
      await unlink(temporary).catch(() => undefined);
    }
  }

  /**
   * The object is in place; unless this succeeds it is not surely for good, and
   * whoever put it must look again.
   */
  async #sync(path: string, key: string): Promise<void> {
    try {
      await syncDirectory(dirname(path));
    } catch (error) {
      await this.#root.check('write', key);
      throw mayHaveHappened(error, key, this.#root.path);
    }
  }

  async #writeTemporary(
    temporary: string,
    body: Uint8Array | AsyncIterable<Uint8Array>,
    key: string,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const writing = { handle: await this.#create(temporary, key) };
    await using _ = { [Symbol.asyncDispose]: () => writing.handle.close() };
    const write = async (piece: Uint8Array): Promise<void> => {
      try {
        await writeAll(writing.handle, piece);
      } catch (error) {
        throw await this.#writeError(error, key);
      }
    };
    if (body instanceof Uint8Array) await write(body);
    else await drain(body, write, signal);
    try {
      await writing.handle.sync();
    } catch (error) {
      throw await this.#writeError(error, key);
    }
  }

  async #create(temporary: string, key: string): Promise<FileHandle> {
    const { modes, path } = this.#root;
    try {
      return await open(temporary, 'wx', modes.file).catch(async (error: unknown) => {
        if (errno(error) !== 'ENOENT') throw error;
        await this.#root.check('write', key);
        await makeDirectory(dirname(temporary), modes.directory, path);
        return open(temporary, 'wx', modes.file);
      });
    } catch (error) {
      throw await this.#writeError(error, key);
    }
  }

  /** That the folder is away explains all else. */
  async #writeError(error: unknown, key: string): Promise<unknown> {
    await this.#root.check('write', key);
    return folderError(error, 'write', key, this.#root.path);
  }

  async #place(temporary: string, path: string, key: string, ifAbsent: boolean): Promise<void> {
    for (let again = false; ; again = true) {
      await this.#makeDurable(dirname(path), key);
      try {
        await (ifAbsent ? link(temporary, path) : rename(temporary, path));
        return;
      } catch (error) {
        // Somebody removed the directory since it was made: make it anew, once, unless it
        // was a folder that is pinned.
        await this.#root.check('write', key);
        if (errno(error) === 'ENOENT' && !again) {
          this.#durable.clear();
          continue;
        }
        if (ifAbsent && errno(error) === 'EEXIST') {
          // It may be ours, of an attempt whose sync failed: nobody may take it as written before
          // it is.
          await this.#sync(path, key);
          throw new WaybillError('BUCKET_OBJECT_EXISTS', `there is an object ${key} already`, {
            context: { key },
            cause: error,
          });
        }
        throw ifAbsent && !(await canLink(temporary))
          ? linkError(error, key, this.#root.path)
          : folderError(error, 'write', key, this.#root.path);
      }
    }
  }

  /** Makes a directory and syncs every entry on the way down from the root's parent. */
  async #makeDurable(directory: string, key: string): Promise<void> {
    if (this.#durable.has(directory)) return;
    const { path: root, modes } = this.#root;
    try {
      await makeDirectory(directory, modes.directory, root);
      // From here on it is known, and is never made again.
      await this.#root.check('write', key);
      // The root's own parent may be a place that we may not open; its entry is then the operator's
      // affair.
      await syncDirectory(dirname(root)).catch((error: unknown) => {
        if (errno(error) !== 'EACCES' && errno(error) !== 'EPERM') throw error;
      });
      let parent = root;
      for (const part of relative(root, directory).split('/').filter(Boolean)) {
        await syncDirectory(parent);
        parent = join(parent, part);
      }
    } catch (error) {
      throw await this.#writeError(error, key);
    }
    if (this.#durable.size >= DURABLE_LIMIT) this.#durable.clear();
    this.#durable.add(directory);
  }
}

function mayHaveHappened(error: unknown, key: string, folder: string): WaybillError {
  return new WaybillError(
    'BUCKET_UNAVAILABLE',
    `${shownKey(key)} was written, but the folder ${folder} could not be synced`,
    {
      hint: 'Check the disk or the mount, then run the same command again.',
      context: { key, folder, errno: errno(error) },
      cause: error,
    },
  );
}

/** Whether it is the filesystem that refused a link, or only the one place. */
async function canLink(temporary: string): Promise<boolean> {
  const second = `${temporary}-2`;
  try {
    await link(temporary, second);
    await unlink(second);
    return true;
  } catch {
    return false;
  }
}
