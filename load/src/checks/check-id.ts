import { isUtf8 } from 'node:buffer';
import {
  BsonType,
  documentSize,
  MAX_DEPTH,
  nameEnd,
  payloadEnd,
  type RawElement,
  typeName,
} from '@waybill/shared/bson/raw';
import { itemPath, memberPath } from '../base/field-path.ts';
import type { IdRules } from '../target/rules/documents.ts';
import { isReserved } from './names.ts';
import type { Violation } from './violation.ts';

/** The first fault of an `_id`, or null. */
export function checkId(rules: IdRules, { type, bytes }: RawElement): Violation | null {
  const { types, bytes: limit } = rules;
  if (types && !types.includes(type)) return typeViolation('_id', type);
  const size = contentBytes(type, bytes.length);
  if (limit !== undefined && size > limit) {
    const reason = `an _id of ${size} bytes, and the target takes ${limit}`;
    return { rule: 'id-size', path: '_id', reason };
  }
  if (type === BsonType.string) {
    if (rules.refusesReserved && isReserved(bytes, 4, bytes.length - 1))
      return textFault('of the form __…__');
    if (!rules.refusesInvalidUtf8 || isUtf8(bytes.subarray(4, -1))) return null;
    return textFault('that is not UTF-8');
  }
  if (types && type === BsonType.document) return checkValues(types, bytes, '_id', false, 1);
  return null;
}

/** Without the length and the end that BSON adds to a string, and the head of a binary value. */
function contentBytes(type: number, length: number): number {
  return type === BsonType.string || type === BsonType.binary ? length - 5 : length;
}

/** Every value inside an object as `_id` has a type of an `_id`, or is an array of such. */
function checkValues(
  types: readonly number[],
  b: Uint8Array,
  path: string,
  isArray: boolean,
  depth: number,
): Violation | null {
  // The rest is the depth's matter.
  if (depth > MAX_DEPTH) return null;
  const limit = documentSize(b) - 1;
  let o = 4;
  while (o < limit) {
    const type = b[o]!;
    const zero = nameEnd(b, o + 1, limit);
    const end = payloadEnd(b, type, zero + 1, limit);
    const isDocument = type === BsonType.document;
    if (isDocument || type === BsonType.array || !types.includes(type)) {
      const name = Buffer.from(b.buffer, b.byteOffset + o + 1, zero - o - 1).toString('utf8');
      const at = isArray ? itemPath(path, name) : memberPath(path, name);
      const isNested = isDocument ? types.includes(type) : type === BsonType.array && !isArray;
      const found = isNested
        ? checkValues(types, b.subarray(zero + 1, end), at, !isDocument, depth + 1)
        : typeViolation(at, type);
      if (found) return found;
    }
    o = end;
  }
  return null;
}

function textFault(what: string): Violation {
  return { rule: 'id-name', path: '_id', reason: `the target refuses an _id ${what}` };
}

function typeViolation(path: string, type: number): Violation {
  const where = path === '_id' ? 'an _id' : 'a value inside an _id';
  const name = typeName(type);
  return { rule: 'id-type', path, type: name, reason: `the target takes no ${name} as ${where}` };
}
