import { opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { throwIfAborted } from '../../base/lifecycle.ts';
import type { ObjectInfo } from '../bucket.ts';
import { compareKeys } from '../key.ts';
import { folderError, isMissing } from './error.ts';

/**
 * Walks a folder in the order of whole keys. A directory `a` sorts as `a/`: all keys under it begin
 * so, and no sibling's name contains a slash, so sorting one directory at a time gives the order of
 * the whole tree (`a-b`, `a/x`, `a0`).
 *
 * Memory: at most twice WINDOW names of each directory on the path. A larger directory is read
 * again from the start for every further window.
 */
const WINDOW = 50_000;

export interface WalkOptions {
  readonly prefix: string;
  readonly startAfter: string;
  /** Names at the root that are not objects. */
  readonly hidden: readonly string[];
  readonly signal?: AbortSignal | undefined;
  readonly window?: number | undefined;
}

export async function* walkFolder(root: string, options: WalkOptions): AsyncGenerator<ObjectInfo> {
  if (options.hidden.some((name) => options.prefix.startsWith(`${name}/`))) return;
  const cut = options.prefix.lastIndexOf('/') + 1;
  yield* walkDirectory(root, options.prefix.slice(0, cut), options);
}

async function* walkDirectory(
  root: string,
  parent: string,
  options: WalkOptions,
): AsyncGenerator<ObjectInfo> {
  let after = '';
  for (;;) {
    const { names, more } = await nextNames(root, parent, after, options);
    for (const name of names) {
      throwIfAborted(options.signal);
      if (name.endsWith('/')) yield* walkDirectory(root, parent + name, options);
      else {
        const info = await objectInfo(root, parent + name);
        if (info) yield info;
      }
    }
    if (!more) return;
    after = names.at(-1)!;
  }
}

/** The smallest names of a directory after `after`, directories with a slash at the end. */
async function nextNames(root: string, parent: string, after: string, options: WalkOptions) {
  const window = options.window ?? WINDOW;
  let names: string[] = [];
  let more = false;
  const shrink = (): void => {
    names.sort(compareKeys);
    if (names.length > window) {
      names.length = window;
      more = true;
    }
  };
  try {
    const directory = await opendir(join(root, parent), { bufferSize: 512 });
    for await (const entry of directory) {
      throwIfAborted(options.signal);
      if (!entry.isFile() && !entry.isDirectory()) continue;
      if (parent === '' && options.hidden.includes(entry.name)) continue;
      const name = entry.isDirectory() ? `${entry.name}/` : entry.name;
      if (after !== '' && compareKeys(name, after) <= 0) continue;
      if (!isWanted(parent + name, options)) continue;
      names.push(name);
      if (names.length >= window * 2) shrink();
    }
  } catch (error) {
    throwIfAborted(options.signal);
    if (isMissing(error)) names = [];
    else throw folderError(error, 'list', parent, root);
  }
  shrink();
  return { names, more };
}

function isWanted(key: string, { prefix, startAfter }: WalkOptions): boolean {
  if (key.endsWith('/')) {
    if (!key.startsWith(prefix) && !prefix.startsWith(key)) return false;
    return startAfter.startsWith(key) || compareKeys(key, startAfter) > 0;
  }
  return key.startsWith(prefix) && (startAfter === '' || compareKeys(key, startAfter) > 0);
}

/** Null where there is no object of that key (any more). */
export async function objectInfo(root: string, key: string): Promise<ObjectInfo | null> {
  try {
    const found = await stat(join(root, key));
    return found.isFile() ? { key, bytes: found.size, modifiedAt: Math.trunc(found.mtimeMs) } : null;
  } catch (error) {
    if (isMissing(error)) return null;
    throw folderError(error, 'read', key, root);
  }
}
