/**
 * A filter for the `_id`s of a range, for servers without min() and max(). `$gte` and `$lt` compare
 * within one type, so the types between those of the bounds are asked for by name. Types stand in
 * MongoDB's order of comparison. Types that hardly a server takes for an `_id` are left out: their
 * documents then count as missing, and not as compared.
 */
import { array, buildArray, buildDocument, doc, double, string } from '../../bson/build.ts';
import { BsonType, findElement, type RawElement } from '../../bson/raw.ts';

/** Names of `$type`, and the types in them. */
const BRACKETS: readonly (readonly [name: string, types: readonly number[]])[] = [
  ['null', [BsonType.null]],
  ['number', [BsonType.double, BsonType.int32, BsonType.int64, BsonType.decimal128]],
  ['string', [BsonType.string, BsonType.symbol]],
  ['object', [BsonType.document]],
  ['binData', [BsonType.binary]],
  ['objectId', [BsonType.objectId]],
  ['bool', [BsonType.boolean]],
  ['date', [BsonType.date]],
  ['timestamp', [BsonType.timestamp]],
];
const NUMBER = 1;
/** Beside the brackets: MinKey before them, MaxKey and everything unnamed after them. */
const FIRST = -1;
const LAST = BRACKETS.length;
const NAN = double(Number.NaN);

type Bound = Uint8Array | null | undefined;

/** Bounds are `{_id: …}`; `from` is in, `to` is not, and null is open. */
export function idsBetween(from: Bound, to: Bound): Buffer {
  const [lower, upper] = [idOf(from), idOf(to)];
  if (!lower && !upper) return buildDocument([]);
  const [first, last] = [lower ? bracketOf(lower) : FIRST, upper ? bracketOf(upper) : LAST];
  if (lower && upper && first === last && !isNan(lower)) {
    return idIs(compared(['$gte', lower], ['$lt', upper]));
  }
  const parts: Buffer[] = [];
  if (lower && isNamed(first) && first < last) parts.push(conditionFrom(lower));
  const between = BRACKETS.slice(Math.max(first + 1, 0), Math.max(last, 0)).map(([name]) => string(name));
  if (between.length > 0) parts.push(idIs(compared(['$type', array(buildArray(between))])));
  if (upper && isNamed(last) && !isNan(upper)) {
    parts.push(idIs(compared(['$lt', upper])));
    // It sorts before all numbers, and is less than none.
    if (last === NUMBER) parts.push(idIs(NAN));
  }
  // Nothing lies between: a filter that nothing passes.
  if (parts.length === 0) return idIs(compared(['$in', array(buildArray([]))]));
  return parts.length === 1
    ? parts[0]!
    : buildDocument([['$or', array(buildArray(parts.map((part) => doc(part))))]]);
}

function conditionFrom(lower: RawElement): Buffer {
  return idIs(isNan(lower) ? compared(['$type', string('number')]) : compared(['$gte', lower]));
}

function idIs(condition: RawElement): Buffer {
  return buildDocument([['_id', condition]]);
}

function compared(...conditions: readonly (readonly [string, RawElement])[]): RawElement {
  return doc(buildDocument(conditions));
}

function idOf(bound: Bound): RawElement | null {
  return (bound && findElement(bound, '_id')) ?? null;
}

function isNamed(bracket: number): boolean {
  return bracket >= 0 && bracket < BRACKETS.length;
}

function bracketOf({ type }: RawElement): number {
  if (type === BsonType.minKey) return FIRST;
  const found = BRACKETS.findIndex(([, types]) => types.includes(type));
  return found < 0 ? LAST : found;
}

function isNan({ type, bytes }: RawElement): boolean {
  if (type === BsonType.double)
    return Number.isNaN(new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0, true));
  // Decimal128: five ones after the sign.
  return type === BsonType.decimal128 && (bytes[15]! & 0x7c) === 0x7c;
}
