/**
 * The folder that the bucket is, and the folders of its streams, as they were when
 * this process first saw them.
 *
 * A mount can be away for seconds, and its mount point is an ordinary, empty folder then. Whoever
 * makes in it what is missing has two buckets, and writes half of a log into each. So what was seen
 * once is never made again, and a call that finds it gone, or another folder in its place, fails as
 * one that may succeed later.
 *
 * 1. Known by device and inode. After a mount both may differ, of the same folder: then the root's
 *    marker decides, a random text in a file of its own, which the first object of a stream puts
 *    there.
 * 2. A copy has the same marker. That an older copy stands there is seen by who follows a log:
 *    its last commit is missing.
 */
import { randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { WaybillError } from '../../base/errors.ts';
import { errno, type FolderAction, folderError } from './error.ts';
import { makeDirectory } from './io.ts';

/** No object: hidden at the root, as half-written files are. */
export const MARKER = '.waybill-bucket';
/** Folders of streams that are remembered; a bucket with more of them is checked less well. */
const MOST_STREAMS = 1000;
const SETGID = 0o2000n;

export interface Modes {
  readonly file: number;
  readonly directory: number;
}

/** Documents lie in plain form in there: nobody else's business. */
const PRIVATE: Modes = { file: 0o600, directory: 0o700 };
/**
 * The operator's word, by the set-group-id bit of the root, that its group may read; and write,
 * where the umask lets it.
 */
const FOR_GROUP: Modes = { file: 0o660, directory: 0o770 };

interface Identity {
  readonly dev: bigint;
  readonly ino: bigint;
}

export class FolderRoot {
  readonly path: string;
  #root: Identity | undefined;
  #marker: string | undefined;
  readonly #streams = new Map<string, Identity>();
  #modes = PRIVATE;

  constructor(path: string) {
    this.path = path;
  }

  get modes(): Modes {
    return this.#modes;
  }

  get hasMarker(): boolean {
    return this.#marker !== undefined;
  }

  /**
   * Before and after a call that concerns the key: what was found, or missed, is that of this
   * bucket.
   * @returns false where there is no folder and never was: an empty bucket
   * @throws BUCKET_UNAVAILABLE, transient, where it is gone or another
   */
  async check(action: FolderAction, key: string): Promise<boolean> {
    const stream = key.slice(0, Math.max(0, key.indexOf('/')));
    const [found, folder] = await Promise.all([
      this.#look('', action, key),
      stream === '' ? undefined : this.#look(stream, action, key),
    ]);
    if (!this.#root) {
      if (!found) return false;
      await this.#pin(found);
    } else if (!isSame(this.#root, found)) {
      const marker = found && (await this.#readMarker());
      if (!found || !marker || marker !== this.#marker) throw this.#away(this.path, found !== undefined, key);
      await this.#pin(found);
    }
    if (stream !== '') this.#checkStream(stream, folder, key);
    return true;
  }

  /** The same, for a put: makes the folder where it never was. */
  async make(key: string): Promise<void> {
    if (await this.check('write', key)) return;
    try {
      await makeDirectory(this.path, PRIVATE.directory);
    } catch (error) {
      throw folderError(error, 'write', key, this.path);
    }
    await this.check('write', key);
  }

  /** A text for the marker, to be put where there is none. */
  newMarker(): string {
    return `${randomBytes(16).toString('hex')}\n`;
  }

  /** Once it stands, whoever put it. */
  async takeMarker(): Promise<void> {
    this.#marker = await this.#readMarker();
  }

  #checkStream(name: string, found: Identity | undefined, key: string): void {
    const known = this.#streams.get(name);
    if (known && !isSame(known, found)) throw this.#away(join(this.path, name), found !== undefined, key);
    if (found && !known && this.#streams.size < MOST_STREAMS) this.#streams.set(name, found);
  }

  async #look(name: string, action: FolderAction, key: string) {
    try {
      const found = await stat(join(this.path, name), { bigint: true });
      return found.isDirectory() ? found : undefined;
    } catch (error) {
      if (errno(error) === 'ENOENT' || errno(error) === 'ENOTDIR') return undefined;
      throw folderError(error, action, key, this.path);
    }
  }

  async #pin(found: Identity & { readonly mode: bigint }): Promise<void> {
    // Another mount of the same folder gives the streams' folders other numbers too.
    this.#streams.clear();
    this.#root = { dev: found.dev, ino: found.ino };
    this.#modes = (found.mode & SETGID) !== 0n ? FOR_GROUP : PRIVATE;
    this.#marker ??= await this.#readMarker();
  }

  async #readMarker(): Promise<string | undefined> {
    return readFile(join(this.path, MARKER), 'utf8').catch(() => undefined);
  }

  #away(path: string, isOther: boolean, key: string): WaybillError {
    const what = isOther ? 'is another folder than the one that was opened' : 'is gone';
    return new WaybillError('BUCKET_UNAVAILABLE', `${path} ${what}`, {
      hint: 'Check the mount, and bring back the folder that was there; then run the same command again. Nothing was written into the other one.',
      context: { key, folder: path },
    });
  }
}

function isSame(known: Identity, found: Identity | undefined): boolean {
  return found?.dev === known.dev && found.ino === known.ino;
}
