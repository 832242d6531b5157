/**
 * Documents in the form in which a target keeps them, byte for byte: two of one form mean the same
 * there. A document that has nothing of the kind is its own form and costs no copy.
 */
import { buildDocument } from '@waybill/shared/bson/build';
import {
  asBuffer,
  BsonType,
  documentSize,
  findElement,
  invalidDocument,
  isName,
  MAX_DEPTH,
  nameEnd,
  payloadEnd,
  type RawElement,
} from '@waybill/shared/bson/raw';
import { withOrderedOptions } from '../checks/order-options.ts';
import { regexOptions } from '../checks/values.ts';
import type { CanonicalRules } from '../target/rules/canonical.ts';

const NAN = Buffer.from('000000000000f87f', 'hex');
const ZERO = Buffer.alloc(8);
const DECIMAL_NAN = Buffer.from('0000000000000000000000000000007c', 'hex');
const DECIMAL_INFINITY = Buffer.from('00000000000000000000000000000078', 'hex');
const DECIMAL_NEGATIVE_INFINITY = Buffer.from('000000000000000000000000000000f8', 'hex');
/** Which are allowed is not asked here. */
const ANY_OPTION = String.fromCharCode(...Array.from({ length: 256 }, (_, letter) => letter));

/** How documents and `_id`s are told to be the same on a target with these rules. */
export class CanonicalForm {
  readonly #rules: CanonicalRules;
  #copy: Buffer | null = null;
  #hasUnordered = false;

  constructor(rules: CanonicalRules) {
    this.#rules = rules;
  }

  /** The document itself, where it has that form already. */
  of(document: Buffer): Buffer {
    this.#copy = null;
    this.#hasUnordered = false;
    this.#visit(document, 0, 0);
    const form = this.#copy ?? document;
    return this.#hasUnordered ? withOrderedOptions(form) : form;
  }

  ofId(id: RawElement): RawElement {
    if (!MAY_DIFFER.has(id.type)) return id;
    return findElement(this.of(buildDocument([['_id', id]])), '_id')!;
  }

  /** Whether the target's document stands for the source's. */
  isSame(source: Buffer, target: Buffer): boolean {
    const wanted = this.of(source);
    const there = this.of(target);
    if (wanted.equals(there)) return true;
    return Boolean(this.#rules.emptyTimestamps) && wanted.equals(withEmptyTimestamps(there, wanted));
  }

  #visit(b: Buffer, start: number, depth: number): void {
    if (depth > MAX_DEPTH) throw invalidDocument(`it is nested deeper than ${MAX_DEPTH} levels`);
    const limit = start + b.readInt32LE(start) - 1;
    let o = start + 4;
    while (o < limit) {
      const type = b[o]!;
      const at = nameEnd(b, o + 1, limit) + 1;
      o = payloadEnd(b, type, at, limit);
      if (type === BsonType.document || type === BsonType.array) this.#visit(b, at, depth + 1);
      else if (type === BsonType.double) this.#double(b, at);
      else if (type === BsonType.decimal128) this.#decimal(b, at);
      else if (type === BsonType.regex && this.#rules.regexOptions) {
        if (regexOptions(b, at, o, ANY_OPTION) === 'unordered') this.#hasUnordered = true;
      }
    }
  }

  #double(b: Buffer, at: number): void {
    const { nan, negativeZero } = this.#rules;
    if (nan && isNotANumber(b, at)) this.#put(b, at, NAN);
    if (negativeZero && b[at + 7] === 0x80 && b.readDoubleLE(at) === 0) this.#put(b, at, ZERO);
  }

  #decimal(b: Buffer, at: number): void {
    if (!this.#rules.decimalSpecials) return;
    const last = b[at + 15]!;
    if ((last & 0x7c) === 0x7c) this.#put(b, at, DECIMAL_NAN);
    else if ((last & 0x7c) === 0x78)
      this.#put(b, at, last & 0x80 ? DECIMAL_NEGATIVE_INFINITY : DECIMAL_INFINITY);
  }

  /** The same number of bytes, so every place stays where it is. */
  #put(b: Buffer, at: number, form: Buffer): void {
    if (form.equals(b.subarray(at, at + form.length))) return;
    this.#copy ??= Buffer.from(b);
    form.copy(this.#copy, at);
  }
}

const MAY_DIFFER: ReadonlySet<number> = new Set([
  BsonType.double,
  BsonType.decimal128,
  BsonType.document,
  BsonType.array,
]);

/** By its bits: reading such a number may change them. */
function isNotANumber(b: Buffer, at: number): boolean {
  if ((b[at + 7]! & 0x7f) !== 0x7f || b[at + 6]! < 0xf0) return false;
  return (b[at + 6]! & 0x0f) !== 0 || b.readUIntLE(at, 6) !== 0;
}

/** The document with Timestamp(0,0) in the fields where `wanted` has it at the same place. */
function withEmptyTimestamps(document: Buffer, wanted: Buffer): Buffer {
  if (document.length !== wanted.length) return document;
  const b = asBuffer(document);
  const limit = documentSize(wanted) - 1;
  let copy: Buffer | null = null;
  let o = 4;
  while (o < limit) {
    const type = wanted[o]!;
    const start = nameEnd(wanted, o + 1, limit) + 1;
    const end = payloadEnd(wanted, type, start, limit);
    const isEmpty = type === BsonType.timestamp && ZERO.equals(wanted.subarray(start, end));
    if (isEmpty && b[o] === type && isName(b, o + 1, start, wanted.subarray(o + 1, start))) {
      copy ??= Buffer.from(b);
      copy.fill(0, start, end);
    }
    o = end;
  }
  return copy ?? document;
}
