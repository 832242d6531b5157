/**
 * Finds the indexes that may have refused a document. Servers name the index for duplicates only.
 * Pure.
 */
import { BsonType, elements, findElement, type NamedElement } from '@waybill/shared/bson/raw';
import { readString } from '@waybill/shared/bson/values';
import { isServerCode, SERVER_CODES } from '@waybill/shared/mongo/driver/server-codes';

export interface IndexRefusal {
  readonly code: number;
  /** The server's words, without the values that it quotes. */
  readonly message: string;
}

/** Geo indexes have dozens of codes. */
const GEO = /\b(geo|point|location)\b/i;

/**
 * Whether the index may have refused. All that may have are set aside together: among several geo
 * indexes nobody can tell which one it was.
 */
export function mayRefuse(spec: Uint8Array, { code, message }: IndexRefusal): boolean {
  const key = findElement(spec, 'key');
  const fields = key ? [...elements(key.bytes)] : [];
  const isOf = (...kinds: readonly string[]): boolean =>
    fields.some((field) => kinds.includes(kindOf(field)));
  if (code === SERVER_CODES.CannotIndexParallelArrays)
    return fields.length > 1 && hasParts(fields, namedArrays(message));
  if (code === SERVER_CODES.AmbiguousArrayIndex)
    return fields.some(({ name }) => name.split('.').some((part) => /^\d+$/.test(part)));
  if (code === SERVER_CODES.KeyTooLong) return !isOf('hashed');
  if (code === SERVER_CODES.HashedArray) return isOf('hashed');
  if (isServerCode(code, 'TextLanguageType', 'TextLanguageUnknown')) return isOf('text');
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
