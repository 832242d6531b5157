import { type FileHandle, mkdir, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { WaybillError } from '../../base/errors.ts';
import { errno } from './error.ts';

export async function writeAll(handle: FileHandle, piece: Uint8Array): Promise<void> {
  for (let at = 0; at < piece.length; ) at += (await handle.write(piece, at)).bytesWritten;
}

export async function readExactly(
  handle: FileHandle,
  offset: number,
  length: number,
  key: string,
): Promise<Buffer> {
  const piece = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; ) {
    const { bytesRead } = await handle.read(piece, at, length - at, offset + at);
    if (bytesRead === 0) {
      throw new WaybillError('BUCKET_UNAVAILABLE', `${key} became shorter while it was read`, {
        context: { key },
      });
    }
    at += bytesRead;
  }
  return piece;
}

/**
 * Makes a directory and those above it, but for `base` and what is above that: where `base` is gone
 * it fails. Not `mkdir` with `recursive`: where a directory stands but nothing can be made in it
 * because the system says "not found" (as under /proc), that one tries for ever.
 */
export async function makeDirectory(directory: string, mode: number, base?: string): Promise<void> {
  if (directory === base) return;
  try {
    await mkdir(directory, mode);
  } catch (error) {
    const code = errno(error);
    if (code === 'EEXIST' && (await stat(directory)).isDirectory()) return;
    const parent = dirname(directory);
    if (code !== 'ENOENT' || parent === directory) throw error;
    await makeDirectory(parent, mode, base);
    // Once: another put may have made the parent, or this very directory, since the first attempt.
    await mkdir(directory, mode).catch((again: unknown) => {
      if (errno(again) !== 'EEXIST') throw again;
    });
  }
}

/** Makes the entries of a directory survive a power cut. */
export async function syncDirectory(directory: string): Promise<void> {
  // Windows has no sync of directories.
  if (process.platform === 'win32') return;
  await using handle = await open(directory, 'r');
  await handle.sync();
}
