import { document, type Field, string, type Value } from '../support/bson/bytes.ts';

/** One document of the corpus: what a client sends, and what the server then holds. */
export interface CorpusDocument {
  readonly name: string;
  /** The bytes that are inserted. */
  readonly bytes: Buffer;
  /** What the server itself makes of the document on insert, and why. */
  readonly changedByServer?: { readonly becomes: Buffer; readonly why: string };
  /** The first server version that accepts it, if that isn't 4.0. */
  readonly since?: number;
}

export interface CorpusCollection {
  readonly name: string;
  /** Options of the `create` command. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly indexes: readonly CorpusIndex[];
  readonly documents: readonly CorpusDocument[];
  readonly since?: number;
}

export interface CorpusIndex {
  readonly spec: Readonly<Record<string, unknown>> & { readonly name: string };
  readonly since?: number;
}

/** A document with the entry's name as its `_id`. */
export function named(name: string, ...fields: readonly Field[]): CorpusDocument {
  return { name, bytes: document(['_id', string(name)], ...fields) };
}

/**
 * A document with one value, at the top level, inside a document and inside an array's document.
 */
export function holding(name: string, value: Value): CorpusDocument {
  const inner = { type: 0x03, bytes: document(['v', value]) };
  const list = { type: 0x04, bytes: document(['0', value], ['1', inner]) };
  return named(name, ['v', value], ['inner', inner], ['list', list]);
}

export function collection(
  name: string,
  documents: readonly CorpusDocument[],
  rest: Partial<Omit<CorpusCollection, 'name' | 'documents'>> = {},
): CorpusCollection {
  return { name, options: {}, indexes: [], documents, ...rest };
}
