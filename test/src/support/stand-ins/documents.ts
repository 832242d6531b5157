/** Questions that rules ask about documents. They share no code with the product's own checks. */
import { BsonType, elements, findElement, type NamedElement } from '@waybill/shared/bson/raw';
import type { Candidate } from './rules.ts';

/** Every value of a document, at every depth. Fields of the root are at depth 1. */
export function* values(
  document: Uint8Array,
  depth = 1,
): Generator<{ readonly element: NamedElement; readonly depth: number; readonly isItem: boolean }> {
  yield* within(document, depth, false);
}

function* within(
  bytes: Uint8Array,
  depth: number,
  isItem: boolean,
): Generator<{ readonly element: NamedElement; readonly depth: number; readonly isItem: boolean }> {
  for (const element of elements(bytes)) {
    yield { element, depth, isItem };
    const isArray = element.type === BsonType.array;
    if (isArray || element.type === BsonType.document) yield* within(element.bytes, depth + 1, isArray);
  }
}

export function nests(document: Uint8Array, most: number): boolean {
  for (const { element, depth } of values(document)) {
    const isHolder = element.type === BsonType.array || element.type === BsonType.document;
    if (isHolder && depth > most) return true;
  }
  return false;
}

export function holdsType(document: Uint8Array, types: ReadonlySet<number>): boolean {
  for (const { element } of values(document)) if (types.has(element.type)) return true;
  return false;
}

/** A name of a field; items of arrays have none of their own. */
export function holdsName(document: Uint8Array, isBad: (name: string, bytes: Buffer) => boolean): boolean {
  for (const { element, isItem } of values(document)) {
    if (!isItem && isBad(element.name, element.nameBytes)) return true;
  }
  return false;
}

/** Bytes of the names from the root to a field and the dots between them; items add nothing. */
export function longestPath(document: Uint8Array, before = 0, isArray = false): number {
  let longest = 0;
  for (const { type, bytes, nameBytes } of elements(document)) {
    const path = isArray ? before : before + (before > 0 ? 1 : 0) + nameBytes.length;
    const holds = type === BsonType.document || type === BsonType.array;
    const inside = holds ? longestPath(bytes, path, type === BsonType.array) : 0;
    longest = Math.max(longest, path, inside);
  }
  return longest;
}

/** The value that an index on these fields holds, in bytes; arrays count as a whole. */
export function entryBytes({ document }: Candidate, key: Uint8Array): number {
  let bytes = 0;
  for (const { name } of elements(key)) {
    let at: Uint8Array | undefined = document;
    for (const part of name.split('.')) at = at && findElement(at, part)?.bytes;
    bytes += at?.length ?? 0;
  }
  return bytes;
}
