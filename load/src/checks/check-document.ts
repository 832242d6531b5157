/**
 * Finds the first place of a document that breaks a target's rules, in one pass over its bytes. A
 * document that keeps them costs no allocation: the state of the walk is kept between calls.
 */
import { isUtf8 } from 'node:buffer';
import {
  asBuffer,
  BsonType,
  documentSize,
  invalidDocument,
  MAX_DEPTH,
  payloadEnd,
  type RawElement,
  typeName,
} from '@waybill/shared/bson/raw';
import { itemPath, memberPath } from '../base/field-path.ts';
import type { DocumentRules, FieldNameRules } from '../target/rules/documents.ts';
import { checkId } from './check-id.ts';
import { isReserved } from './names.ts';
import { isOutOfRange, isSpecialDouble, type RegexOptions, regexOptions } from './values.ts';
import type { DocumentRule, Violation } from './violation.ts';

const DOLLAR = 0x24;
const DOT = 0x2e;
/** What is done at a value, by its type. */
const PASS = 0;
const REFUSE = 1;
const ENTER = 2;
const DATE = 3;
const REGEX = 4;
const DOUBLE = 5;
const TEXT = 6;

type Finding = Omit<Violation, 'path'>;
type Take = (fault: Violation) => void;

/** Checks documents by one target's rules. */
export class DocumentCheck {
  readonly #rules: DocumentRules;
  readonly #names: FieldNameRules | undefined;
  readonly #actions = new Uint8Array(256);
  readonly #pathBytes: number;
  readonly #depth: number;
  // One entry for each level of the walk.
  readonly #ends = new Int32Array(MAX_DEPTH + 2);
  readonly #isArray = new Uint8Array(MAX_DEPTH + 2);
  /** Bytes of the path to it, with the dot behind it. */
  readonly #paths = new Int32Array(MAX_DEPTH + 2);
  /** Where the name of the level's current element begins and ends. */
  readonly #nameStarts = new Int32Array(MAX_DEPTH + 2);
  readonly #nameEnds = new Int32Array(MAX_DEPTH + 2);

  constructor(rules: DocumentRules) {
    this.#rules = rules;
    this.#names = rules.names;
    this.#pathBytes = rules.names?.pathBytes ?? Number.POSITIVE_INFINITY;
    this.#depth = Math.min(rules.depth ?? MAX_DEPTH, MAX_DEPTH);
    this.#actions[BsonType.document] = ENTER;
    this.#actions[BsonType.array] = ENTER;
    if (rules.dates) this.#actions[BsonType.date] = DATE;
    if (rules.regexOptions !== undefined) this.#actions[BsonType.regex] = REGEX;
    if (rules.refusesSpecialDoubles) this.#actions[BsonType.double] = DOUBLE;
    if (rules.refusesInvalidText) this.#actions[BsonType.string] = TEXT;
    for (const type of rules.refusedTypes ?? []) this.#actions[type] = REFUSE;
  }

  /** The document's first fault, or null. `id` is the document's own. */
  check(id: RawElement, document: Uint8Array): Violation | null {
    return this.#sizeFault(document) ?? this.checkId(id) ?? this.#walk(asBuffer(document), null);
  }

  /** Gives every fault to `take`, and not the first alone. */
  eachFault(id: RawElement, document: Uint8Array, take: Take): void {
    const size = this.#sizeFault(document);
    if (size !== null) take(size);
    const fault = this.checkId(id);
    if (fault !== null) take(fault);
    this.#walk(asBuffer(document), take);
  }

  /** As far as the `_id` alone tells: no document of it can stand on the target. */
  checkId(id: RawElement): Violation | null {
    return this.#rules.id ? checkId(this.#rules.id, id) : null;
  }

  #sizeFault(document: Uint8Array): Violation | null {
    const { bytes } = this.#rules;
    if (bytes === undefined || document.length <= bytes) return null;
    const reason = `the document has ${document.length} bytes, and the target takes ${bytes}`;
    return { rule: 'document-size', path: '', reason };
  }

  /** Returns the first fault, or gives each to `take` and returns null. */
  #walk(b: Buffer, take: Take | null): Violation | null {
    let level = 0;
    let o = 4;
    let limit = documentSize(b) - 1;
    this.#ends[0] = limit;
    this.#isArray[0] = 0;
    this.#paths[0] = 0;
    for (;;) {
      if (o >= limit) {
        if (level === 0) return null;
        o = limit + 1;
        level -= 1;
        limit = this.#ends[level]!;
        continue;
      }
      const type = b[o]!;
      const nameStart = o + 1;
      let nameEnd = nameStart;
      let bits = 0;
      for (let byte = b[nameEnd]!; byte !== 0; byte = b[++nameEnd]!) {
        bits |= byte;
        if (nameEnd >= limit) throw invalidDocument('a name has no terminating zero');
      }
      this.#nameStarts[level] = nameStart;
      this.#nameEnds[level] = nameEnd;
      const start = nameEnd + 1;
      const end = payloadEnd(b, type, start, limit);
      if (this.#names !== undefined && this.#isArray[level] === 0) {
        const fault = this.#nameFault(b, nameStart, nameEnd, bits, level);
        const told = fault && this.#tell(fault, b, level, take);
        if (told) return told;
      }
      const action = this.#actions[type]!;
      o = end;
      if (action === PASS) continue;
      const fault =
        action === ENTER ? this.#entryFault(b, type, start, level) : this.#valueFault(b, type, start, end);
      const told = fault && this.#tell(fault, b, level, take);
      if (told) return told;
      // What is too deep is not entered: its fault is told.
      if (action !== ENTER || level >= this.#depth) continue;
      const named = this.#isArray[level] === 0 ? nameEnd - nameStart + 1 : 0;
      this.#paths[level + 1] = this.#paths[level]! + named;
      level++;
      this.#isArray[level] = type === BsonType.array ? 1 : 0;
      limit = end - 1;
      this.#ends[level] = limit;
      o = start + 4;
    }
  }

  /** `bits`: all bits that the name's bytes have. */
  #nameFault(b: Buffer, from: number, to: number, bits: number, level: number): Finding | null {
    const rules = this.#names!;
    const length = to - from;
    if (length === 0) return rules.refusesEmpty ? nameFault('an empty name') : null;
    if (rules.refusesReserved && isReserved(b, from, to)) return nameFault('names of the form __…__');
    if (b[from] === DOLLAR && (rules.refusesDollar || (rules.refusesDollarAtTop && level === 0)))
      return nameFault('names that begin with $');
    if (rules.refusesDot && hasDot(b, from, to)) return nameFault('names with a dot');
    if (rules.bytes !== undefined && length > rules.bytes) {
      return sizeFault('field-name-size', 'a name', length, rules.bytes);
    }
    const path = this.#paths[level]! + length;
    if (path > this.#pathBytes) return sizeFault('field-path-size', 'a path', path, this.#pathBytes);
    if (bits > 0x7f && rules.refusesInvalidUtf8 && !isUtf8(b.subarray(from, to))) {
      return nameFault('names that are not UTF-8');
    }
    return null;
  }

  #entryFault(b: Buffer, type: number, start: number, level: number): Finding | null {
    if (level >= this.#depth) {
      const reason = `more than ${this.#depth} arrays and objects one inside the other, which is as many as the target takes`;
      return { rule: 'depth', reason };
    }
    if (type === BsonType.array) {
      if (!this.#rules.refusesNestedArrays || this.#isArray[level] === 0) return null;
      return { rule: 'nested-array', reason: 'the target takes no array inside an array' };
    }
    if (!this.#rules.refusesDbRefs || !isDbRef(b, start)) return null;
    return refusedType('DBRef');
  }

  #valueFault(b: Buffer, type: number, start: number, end: number): Finding | null {
    const { dates, regexOptions: options } = this.#rules;
    switch (this.#actions[type]) {
      case REFUSE:
        return refusedType(typeName(type));
      case DATE:
        if (!isOutOfRange(b, start, dates!)) return null;
        return { rule: 'date-range', reason: 'a date outside the years that the target takes' };
      case DOUBLE:
        if (!isSpecialDouble(b, start)) return null;
        return { rule: 'double-value', reason: 'the target takes no NaN and no infinity' };
      case TEXT:
        if (isUtf8(b.subarray(start + 4, end - 1))) return null;
        return { rule: 'text-encoding', reason: 'the target keeps no text that is not UTF-8' };
      default:
        return regexFault(regexOptions(b, start, end, options!), options!);
    }
  }

  /** Null: `take` has it, and the walk goes on. */
  #tell(finding: Finding, b: Buffer, level: number, take: Take | null): Violation | null {
    const found = this.#violation(finding, b, level);
    take?.(found);
    return take === null ? found : null;
  }

  #violation(finding: Finding, b: Buffer, level: number): Violation {
    let path = '';
    for (let at = 0; at <= level; at++) {
      const name = b.toString('utf8', this.#nameStarts[at], this.#nameEnds[at]);
      path = this.#isArray[at] === 1 ? itemPath(path, name) : memberPath(path, name);
    }
    return { ...finding, path };
  }
}

function regexFault(found: RegexOptions, letters: string): Finding | null {
  if (found === 'fine') return null;
  const rule = found === 'unordered' ? 'regex-order' : 'regex-options';
  const reason = `options of a regular expression can be ${[...letters].join(', ')} on the target, in this order and each once`;
  return { rule, reason };
}

function refusedType(type: string): Finding {
  return { rule: 'bson-type', type, reason: `the target takes no value of type ${type}` };
}

function nameFault(what: string): Finding {
  return { rule: 'field-name', reason: `the target refuses ${what}` };
}

function sizeFault(rule: DocumentRule, what: string, bytes: number, limit: number): Finding {
  return { rule, reason: `${what} of ${bytes} bytes, and the target takes ${limit}` };
}

function hasDot(b: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (b[i] === DOT) return true;
  return false;
}

const REF = Buffer.from('$ref\0');
const ID = Buffer.from('$id\0');

/** Whether the object that starts there begins with `$ref` and `$id`. */
function isDbRef(b: Buffer, start: number): boolean {
  if (b[start + 5] !== DOLLAR || b[start + 4] !== BsonType.string) return false;
  const from = start + 5;
  if (b.compare(REF, 0, REF.length, from, Math.min(from + REF.length, b.length)) !== 0) return false;
  const end = payloadEnd(b, BsonType.string, from + REF.length, b.length);
  return b.compare(ID, 0, ID.length, end + 1, Math.min(end + 1 + ID.length, b.length)) === 0;
}
