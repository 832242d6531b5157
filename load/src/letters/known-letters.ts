import type { RawElement } from '@waybill/shared/bson/raw';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { foldCommit } from '@waybill/shared/manifest/fold';
import { readCommits, readManifest } from '@waybill/shared/manifest/log';
import type { StreamState } from '@waybill/shared/manifest/state';
import type { Letter } from './letter.ts';
import type { OpenLetters } from './open-letters.ts';
import { type LettersSource, readOpenLetters } from './read-letters.ts';

/** What was read is taken to be true for this long. Milliseconds. */
const FRESH_MS = 2000;

/** The open letters of a load that somebody else may own and be writing. */
export class KnownLetters {
  readonly #source: LettersSource & { readonly bucket: Bucket };
  #read: { readonly log: StreamState; readonly open: OpenLetters; readonly at: number } | null = null;

  constructor(source: LettersSource & { readonly bucket: Bucket }) {
    this.#source = source;
  }

  async of(namespace: string, id: RawElement): Promise<Letter | undefined> {
    return (await this.#fresh()).of(namespace, id);
  }

  async #fresh(): Promise<OpenLetters> {
    const before = this.#read;
    const at = performance.now();
    if (before && at - before.at < FRESH_MS) return before.open;
    const { bucket, loadPrefix, signal } = this.#source;
    let log = before?.log ?? (await readManifest(bucket, loadPrefix, { signal }));
    for await (const next of readCommits(bucket, loadPrefix, { after: log, signal }))
      log = foldCommit(log, next);
    const isSame = before?.log.deadLetters === log.deadLetters;
    const open = before && isSame ? before.open : await readOpenLetters(this.#source, log);
    this.#read = { log, open, at };
    return open;
  }
}
