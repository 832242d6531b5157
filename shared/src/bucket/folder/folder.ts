/**
 * A folder as a bucket. An object's path below the folder is its key, so that people can read it.
 *
 * 1. A put writes a file under `.tmp/`, syncs it, then links it (ifAbsent) or renames it into place, then syncs the
 *    directory. The link fails where a file stands already: that is the exact put-if-absent. Rejected: opening the
 *    final name exclusively, because a reader could then see a part.
 * 2. A crash before the link leaves a file in `.tmp/`, which is no object; who cleans up removes it by age. A crash
 *    between link and directory sync leaves a whole object, or after a power cut none; the put had not succeeded yet.
 * 3. A directory's entry is synced before anything in it counts as durable, also where another writer made it.
 */
import { randomUUID } from 'node:crypto';
import { type FileHandle, link, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { WaybillError } from '../../errors.ts';
import { throwIfAborted } from '../../lifecycle.ts';
import type {
  Bucket,
  ByteRange,
  CallOptions,
  GetOptions,
  ListOptions,
  ObjectInfo,
  PutOptions,
  UnfinishedOptions,
} from '../bucket.ts';
import { drain } from '../drain.ts';
import { assertKey, assertPrefix, keyInvalid } from '../key.ts';
import { errno, folderError, isMissing, linkError } from './error.ts';
import { makeDirectory, readExactly, syncDirectory, writeAll } from './io.ts';
import { objectInfo, walkFolder } from './list.ts';

const TEMPORARY = '.tmp';
/** The folder may have had a `.tmp` before it had us: what is not named so is somebody else's. */
const TEMPORARY_FILE = /^waybill-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:-2)?$/;
/** Pieces of a streamed read, in bytes. */
const PIECE_BYTES = 1024 * 1024;
/** Directories remembered as durable; only the cost of a few syncs depends on it. */
const DURABLE_LIMIT = 1000;

export async function openFolder(path: string): Promise<Bucket> {
  const root = resolve(path);
  // A folder that is not there is an empty bucket; the first put makes it.
  const found = await stat(root).catch((error: unknown) => {
    if (errno(error) === 'ENOENT') return undefined;
    if (errno(error) === 'ENOTDIR') throw notFolder(`A part of ${root} is a file, not a folder.`);
    throw folderError(error, 'read', root);
  });
  if (found && !found.isDirectory()) throw notFolder(`${root} is a file, not a folder.`);
  return new FolderBucket(root);
}

function notFolder(message: string): WaybillError {
  return new WaybillError('BUCKET_URL_INVALID', message, {
    hint: 'Give the path of a folder; it is made where it does not exist.',
  });
}

class FolderBucket implements Bucket {
  readonly url: string;
  readonly #root: string;
  readonly #durable = new Set<string>();

  constructor(root: string) {
    this.#root = root;
    this.url = pathToFileURL(root).href;
  }

  async put(
    key: string,
    body: Uint8Array | AsyncIterable<Uint8Array>,
    options: PutOptions = {},
  ): Promise<void> {
    const path = this.#path(key);
    throwIfAborted(options.signal);
    const temporary = join(this.#root, TEMPORARY, `waybill-${randomUUID()}`);
    try {
      await this.#writeTemporary(temporary, body, key, options.signal);
      throwIfAborted(options.signal);
      await this.#place(temporary, path, key, options.ifAbsent === true);
    } finally {
      // After a rename there is nothing left; what stays behind after a crash is removed by age.
      await unlink(temporary).catch(() => undefined);
    }
    await syncDirectory(dirname(path)).catch((error: unknown) => {
      throw mayHaveHappened(error, key);
    });
  }

  async get(key: string, options: GetOptions = {}): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for await (const piece of this.#read(key, options, Number.POSITIVE_INFINITY)) pieces.push(piece);
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  }

  stream(key: string, options: GetOptions = {}): AsyncIterable<Buffer> {
    return this.#read(key, options, PIECE_BYTES);
  }

  async head(key: string, options: CallOptions = {}): Promise<ObjectInfo | null> {
    this.#path(key);
    throwIfAborted(options.signal);
    return objectInfo(this.#root, key);
  }

  list(prefix: string, options: ListOptions = {}): AsyncIterable<ObjectInfo> {
    assertPrefix(prefix);
    const { startAfter = '', signal } = options;
    return walkFolder(this.#root, { prefix, startAfter, hidden: TEMPORARY, signal });
  }

  async delete(key: string, options: CallOptions = {}): Promise<void> {
    const path = this.#path(key);
    throwIfAborted(options.signal);
    try {
      await unlink(path);
    } catch (error) {
      if (isMissing(error) || (await objectInfo(this.#root, key)) === null) return;
      throw folderError(error, 'delete', key);
    }
  }

  /** Half-written files of all keys lie together: which prefix they were meant for is not known. */
  async removeUnfinished(_prefix: string, options: UnfinishedOptions): Promise<number> {
    throwIfAborted(options.signal);
    return removeOldTemporaries(this.#root, options.olderThanMs);
  }

  async close(): Promise<void> {}

  #path(key: string): string {
    assertKey(key);
    if (key === TEMPORARY || key.startsWith(`${TEMPORARY}/`))
      throw keyInvalid(key, 'that name is kept for half-written files');
    return join(this.#root, key);
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
        throw folderError(error, 'write', key);
      }
    };
    if (body instanceof Uint8Array) await write(body);
    else await drain(body, write, signal);
    await writing.handle.sync().catch((error: unknown) => {
      throw folderError(error, 'write', key);
    });
  }

  async #create(temporary: string, key: string): Promise<FileHandle> {
    try {
      return await open(temporary, 'wx').catch(async (error: unknown) => {
        if (errno(error) !== 'ENOENT') throw error;
        await makeDirectory(dirname(temporary));
        return open(temporary, 'wx');
      });
    } catch (error) {
      throw folderError(error, 'write', key);
    }
  }

  async #place(temporary: string, path: string, key: string, ifAbsent: boolean): Promise<void> {
    for (let again = false; ; again = true) {
      await this.#makeDurable(dirname(path), key);
      try {
        await (ifAbsent ? link(temporary, path) : rename(temporary, path));
        return;
      } catch (error) {
        // Somebody removed the directory since it was made: make it anew, once.
        if (errno(error) === 'ENOENT' && !again) {
          this.#durable.clear();
          continue;
        }
        if (ifAbsent && errno(error) === 'EEXIST') {
          throw new WaybillError('BUCKET_OBJECT_EXISTS', `There is an object ${key} already.`, {
            context: { key },
            cause: error,
          });
        }
        throw ifAbsent && !(await canLink(temporary))
          ? linkError(error, key)
          : folderError(error, 'write', key);
      }
    }
  }

  /** Makes a directory and syncs every entry on the way down from the root's parent. */
  async #makeDurable(directory: string, key: string): Promise<void> {
    if (this.#durable.has(directory)) return;
    try {
      await makeDirectory(directory);
      const parts = relative(this.#root, directory).split('/').filter(Boolean);
      let parent = dirname(this.#root);
      // The root's own parent may be a place that we may not open; its entry is then the operator's affair.
      await syncDirectory(parent).catch(() => undefined);
      parent = this.#root;
      for (const part of parts) {
        await syncDirectory(parent);
        parent = join(parent, part);
      }
    } catch (error) {
      throw folderError(error, 'write', key);
    }
    if (this.#durable.size >= DURABLE_LIMIT) this.#durable.clear();
    this.#durable.add(directory);
  }

  async *#read(key: string, options: GetOptions, pieceBytes: number): AsyncGenerator<Buffer> {
    const path = this.#path(key);
    throwIfAborted(options.signal);
    let handle: FileHandle | undefined;
    try {
      handle = await open(path, 'r');
      const found = await handle.stat();
      if (!found.isFile()) throw missing(key);
      const { offset, length } = checkRange(key, found.size, options.range);
      for (let at = offset; at < offset + length; ) {
        throwIfAborted(options.signal);
        const piece = await readExactly(handle, at, Math.min(pieceBytes, offset + length - at), key);
        at += piece.length;
        yield piece;
      }
    } catch (error) {
      throw isMissing(error) ? missing(key, error) : folderError(error, 'read', key);
    } finally {
      await handle?.close();
    }
  }
}

function checkRange(key: string, size: number, range: ByteRange | undefined): ByteRange {
  if (!range) return { offset: 0, length: size };
  const { offset, length } = range;
  const good = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length > 0;
  if (good && offset + length <= size) return range;
  throw new WaybillError(
    'BUCKET_RANGE_INVALID',
    `${key} has ${size} bytes; ${length} from ${offset} are not within it.`,
    { context: { key, size, offset, length } },
  );
}

function missing(key: string, cause?: unknown): WaybillError {
  return new WaybillError('BUCKET_OBJECT_MISSING', `There is no object ${key}.`, { context: { key }, cause });
}

/** The object is in place, only not surely for good: whoever put it must look before deciding anything. */
function mayHaveHappened(error: unknown, key: string): WaybillError {
  return new WaybillError('BUCKET_UNAVAILABLE', `${key} was written, but the folder could not be synced.`, {
    hint: 'Check the disk or the mount, then run the same command again.',
    context: { key, errno: errno(error) },
    cause: error,
  });
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

/** Best effort: a folder that may only be read has nothing to clean. */
async function removeOldTemporaries(root: string, olderThanMs: number): Promise<number> {
  const directory = join(root, TEMPORARY);
  const names = await readdir(directory).catch(() => []);
  let removed = 0;
  for (const name of names) {
    if (!TEMPORARY_FILE.test(name)) continue;
    const path = join(directory, name);
    const found = await stat(path).catch(() => undefined);
    if (!found || Date.now() - found.mtimeMs <= olderThanMs) continue;
    removed += await unlink(path).then(
      () => 1,
      () => 0,
    );
  }
  return removed;
}
