import { createHash } from 'node:crypto';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A stream's files in a folder, read and spoilt without the product's code. */
export interface StoredSegment {
  readonly kind: 'snapshot' | 'changes';
  readonly key: string;
  readonly namespace?: string;
}

export interface StoredCommit {
  readonly seq: number;
  readonly segments?: readonly StoredSegment[];
}

export class StoredStream {
  readonly folder: string;

  constructor(bucket: string, stream = 'default') {
    this.folder = join(bucket, stream);
  }

  path(key: string): string {
    return join(this.folder, key);
  }

  commitPath(seq: number): string {
    return this.path(`manifest/${String(seq).padStart(20, '0')}.json`);
  }

  async commits(): Promise<StoredCommit[]> {
    const names = (await readdir(this.path('manifest'))).sort();
    return Promise.all(
      names.map(
        async (name) => JSON.parse(await readFile(this.path(`manifest/${name}`), 'utf8')) as StoredCommit,
      ),
    );
  }

  async segment(
    wanted: (segment: StoredSegment) => boolean,
  ): Promise<StoredSegment & { readonly seq: number }> {
    for (const { seq, segments = [] } of await this.commits()) {
      const found = segments.find(wanted);
      if (found) return { ...found, seq };
    }
    throw new Error('the stream has no such segment');
  }

  /** Folder stores never change a file in place; a test may. */
  async rewrite(path: string, change: (bytes: Buffer) => Buffer | null): Promise<void> {
    const changed = change(await readFile(path));
    await rm(path);
    if (changed) await writeFile(path, changed);
  }

  /**
   * Changes fields of a sealed JSON file, and seals it again: what is wrong with it is what it
   * says.
   */
  async amend(path: string, fields: Readonly<Record<string, unknown>>): Promise<void> {
    await this.rewrite(path, (bytes) => {
      const { checksum: _, ...value } = JSON.parse(bytes.toString('utf8')) as Record<string, unknown>;
      return seal({ ...value, ...fields });
    });
  }
}

/**
 * The rule of the bucket format: the last field is the SHA-256 of all bytes before the comma in
 * front of it.
 */
export function seal(value: object): Buffer {
  const body = JSON.stringify(value).slice(0, -1);
  const checksum = createHash('sha256').update(body).digest('hex');
  return Buffer.from(`${body},"checksum":"${checksum}"}\n`);
}
