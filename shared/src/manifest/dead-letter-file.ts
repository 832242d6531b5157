/**
 * A file of dead letters (bucket format rule BF-15). Its first lines, the index, open and close
 * letters; the lines after them hold the records of those that it opens.
 */
export interface DeadLetterFile {
  /** Relative to the load's folder. */
  readonly key: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly indexBytes: number;
  /** Of the index alone, which most readers fetch alone. */
  readonly indexSha256: string;
  /** Letters are numbered over the load from 1, without gaps. This file opens these. */
  readonly firstLetter: number;
  readonly letters: number;
  /** What the file opens and closes, by rule. */
  readonly rules: Readonly<Record<string, LetterCounts>>;
}

/** How a letter ends. */
export type LetterEnd = 'superseded' | 'deleted' | 'retried' | 'discarded';

export type LetterCounts = { readonly [K in LetterEnd | 'opened']: number };
