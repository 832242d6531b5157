/**
 * A folder as a bucket. An object's path below the folder is its key, so that people can read it.
 * Every call looks whether the folder is still the one that was opened: root.ts. How an object
 * comes to be there: files.ts.
 */
import { type FileHandle, open, readdir, stat, unlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { WaybillError } from '../../base/errors.ts';
import { throwIfAborted } from '../../base/lifecycle.ts';
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
import { assertKey, assertPrefix, keyInvalid } from '../key.ts';
import { errno, folderError, isMissing } from './error.ts';
import { FolderFiles, TEMPORARY, TEMPORARY_FILE } from './files.ts';
import { readExactly } from './io.ts';
import { objectInfo, walkFolder } from './list.ts';
import { FolderRoot, MARKER } from './root.ts';

/** Names at the root that are no objects. */
const HIDDEN = [TEMPORARY, MARKER];
/** Pieces of a streamed read, in bytes. */
const PIECE_BYTES = 1024 * 1024;

export async function openFolder(path: string): Promise<Bucket> {
  const root = resolve(path);
  // A folder that is not there is an empty bucket; the first put makes it.
  const found = await stat(root).catch((error: unknown) => {
    if (errno(error) === 'ENOENT') return undefined;
    if (errno(error) === 'ENOTDIR') throw notFolder(`A part of ${root} is a file, not a folder.`);
    throw folderError(error, 'read', '', root);
  });
  if (found && !found.isDirectory()) throw notFolder(`${root} is a file, not a folder.`);
  const bucket = new FolderBucket(root);
  await bucket.check();
  return bucket;
}

function notFolder(message: string): WaybillError {
  return new WaybillError('BUCKET_URL_INVALID', message, {
    hint: 'Give the path of a folder; it is made where it does not exist.',
  });
}

class FolderBucket implements Bucket {
  readonly url: string;
  readonly looksAreFree = true;
  readonly #root: FolderRoot;
  readonly #files: FolderFiles;

  constructor(root: string) {
    this.#root = new FolderRoot(root);
    this.#files = new FolderFiles(this.#root);
    this.url = pathToFileURL(root).href;
  }

  async check(): Promise<void> {
    await this.#root.check('read', '');
  }

  async put(
    key: string,
    body: Uint8Array | AsyncIterable<Uint8Array>,
    options: PutOptions = {},
  ): Promise<void> {
    const path = this.#path(key);
    throwIfAborted(options.signal);
    await this.#files.put(key, path, body, options);
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
    const info = await objectInfo(this.#root.path, key);
    await this.#root.check('read', key);
    return info;
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ObjectInfo> {
    assertPrefix(prefix);
    const { startAfter = '', signal } = options;
    await this.#root.check('list', prefix);
    yield* walkFolder(this.#root.path, { prefix, startAfter, hidden: HIDDEN, signal });
    // What is missing in it is missing in the bucket.
    await this.#root.check('list', prefix);
  }

  async delete(key: string, options: CallOptions = {}): Promise<void> {
    const path = this.#path(key);
    throwIfAborted(options.signal);
    await this.#root.check('delete', key);
    try {
      await unlink(path);
    } catch (error) {
      await this.#root.check('delete', key);
      if (isMissing(error) || (await objectInfo(this.#root.path, key)) === null) return;
      throw folderError(error, 'delete', key, this.#root.path);
    }
  }

  /** Half-written files of all keys lie together: which prefix they were meant for is not known. */
  async removeUnfinished(_prefix: string, options: UnfinishedOptions): Promise<number> {
    throwIfAborted(options.signal);
    await this.#root.check('delete', '');
    return removeOldTemporaries(this.#root.path, options.olderThanMs);
  }

  async close(): Promise<void> {}

  #path(key: string): string {
    assertKey(key);
    if (HIDDEN.some((name) => key === name || key.startsWith(`${name}/`)))
      throw keyInvalid(key, "that name is kept for the folder's own files");
    return join(this.#root.path, key);
  }

  async *#read(key: string, options: GetOptions, pieceBytes: number): AsyncGenerator<Buffer> {
    const path = this.#path(key);
    throwIfAborted(options.signal);
    // Beside the opening, since reads are many; nothing is given out before both are known.
    const checked = this.#root.check('read', key);
    checked.catch(() => undefined);
    let handle: FileHandle | undefined;
    try {
      handle = await open(path, 'r');
      await checked;
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
      // It may have gone in between: then nothing is known of the object.
      await this.#root.check('read', key);
      throw isMissing(error) ? missing(key, error) : folderError(error, 'read', key, this.#root.path);
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
    `${key} has ${size} bytes; ${length} from ${offset} are not within it`,
    { context: { key, size, offset, length } },
  );
}

function missing(key: string, cause?: unknown): WaybillError {
  return new WaybillError('BUCKET_OBJECT_MISSING', `there is no object ${key}`, { context: { key }, cause });
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
