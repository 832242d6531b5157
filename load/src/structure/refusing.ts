/**
 * Which indexes may be the one that refused a document: servers name it for duplicates alone. Pure.
 */
import { BsonType, elements, findElement, type NamedElement } from '@waybill/shared/bson/raw';
import { readString } from '@waybill/shared/bson/values';

export interface IndexRefusal {
  readonly code: number;
  /** The server's words, without the values that it quotes. */
  readonly message: string;
}

const PARALLEL_ARRAYS = 171;
/** `{'a.0': 1}` where an element of `a` has a field of that name too. */
const AMBIGUOUS_NUMBER = 16746;
const HASHED_ARRAY = 16766;
/** Servers before 4.2, of every kind of index but hashed ones. */
const KEY_TOO_LARGE = 17280;
const TEXT_LANGUAGE: ReadonlySet<number> = new Set([17261, 17262]);
/** Of geo indexes there are dozens of codes. */
const GEO = /\b(geo|point|location)\b/i;

/**
 * All that may be are set aside together: the one that is to blame among several geo indexes cannot
 * be told.
 */
export function mayRefuse(spec: Uint8Array, { code, message }: IndexRefusal): boolean {
  const key = findElement(spec, 'key');
  const fields = key ? [...elements(key.bytes)] : [];
  const isOf = (...kinds: readonly string[]): boolean =>
    fields.some((field) => kinds.includes(kindOf(field)));
  if (code === PARALLEL_ARRAYS) return fields.length > 1 && hasParts(fields, namedArrays(message));
  if (code === AMBIGUOUS_NUMBER)
    return fields.some(({ name }) => name.split('.').some((part) => /^\d+$/.test(part)));
  if (code === KEY_TOO_LARGE) return !isOf('hashed');
  if (code === HASHED_ARRAY) return isOf('hashed');
  if (TEXT_LANGUAGE.has(code)) return isOf('text');
  return GEO.test(message) && isOf('2d', '2dsphere');
}

function kindOf(field: NamedElement): string {
  return field.type === BsonType.string ? readString(field) : '';
}

/** `cannot index parallel arrays [b] [a]`: the last parts of two paths of the key. */
function namedArrays(message: string): readonly string[] {
  const said = /parallel arrays (.*)$/s.exec(message)?.[1] ?? '';
  return [...said.matchAll(/\[([^[\]]*)\]/g)].map((match) => match[1]!);
}

function hasParts(fields: readonly NamedElement[], parts: readonly string[]): boolean {
  return parts.every((part) => fields.some(({ name }) => name.split('.').includes(part)));
}
