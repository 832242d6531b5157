/**
 * Writes canonical Extended JSON v2 straight from a document's bytes. It keeps order and repeated
 * names, because nothing becomes a JavaScript object in between. The text is for people and other
 * tools. Some documents do not come back from it with the same bytes: NaN payloads, invalid UTF-8,
 * array items with odd names, documents that look like Extended JSON themselves. Reading the text
 * back therefore decides `exact`. If it is false, the bytes stand beside the text.
 */

import { hasCode } from '../base/errors.ts';
import { decodeDecimal128, formatDecimal128 } from './decimal128.ts';
import { ExtendedJsonReader } from './ejson-reader.ts';
import { asBuffer, BsonType, documentSize, invalidDocument, MAX_DEPTH, nameEnd, payloadEnd } from './raw.ts';

/**
 * Throws DOCUMENT_INVALID if the bytes are not a document. It never throws because a valid document
 * cannot be shown exactly.
 */
export function toCanonicalExtendedJson(document: Uint8Array): string {
  return objectText(asBuffer(document), 1);
}

/**
 * Reads the document that a text of canonical Extended JSON stands for. Throws DOCUMENT_INVALID if
 * the text stands for none.
 */
export function fromExtendedJson(text: string): Buffer {
  return new ExtendedJsonReader(text).readDocument();
}

export interface ExtendedJson {
  readonly text: string;
  /** True if reading the text gives the same bytes. */
  readonly exact: boolean;
}

export function extendedJson(document: Uint8Array): ExtendedJson {
  const text = toCanonicalExtendedJson(document);
  return { text, exact: givesBack(text, document) };
}

function givesBack(text: string, document: Uint8Array): boolean {
  try {
    return fromExtendedJson(text).equals(document);
  } catch (error) {
    if (hasCode(error, 'DOCUMENT_INVALID')) return false;
    throw error;
  }
}

function objectText(b: Buffer, depth: number): string {
  const limit = checkedLimit(b, depth);
  let text = '{';
  let o = 4;
  while (o < limit) {
    const type = b[o]!;
    const zero = nameEnd(b, o + 1, limit);
    const end = payloadEnd(b, type, zero + 1, limit);
    const name = JSON.stringify(b.toString('utf8', o + 1, zero));
    text += `${o === 4 ? '' : ','}${name}:${valueText(type, b.subarray(zero + 1, end), depth)}`;
    o = end;
  }
  return `${text}}`;
}

function arrayText(b: Buffer, depth: number): string {
  const limit = checkedLimit(b, depth);
  let text = '[';
  let o = 4;
  while (o < limit) {
    const type = b[o]!;
    const start = nameEnd(b, o + 1, limit) + 1;
    const end = payloadEnd(b, type, start, limit);
    text += `${o === 4 ? '' : ','}${valueText(type, b.subarray(start, end), depth)}`;
    o = end;
  }
  return `${text}]`;
}

function checkedLimit(b: Buffer, depth: number): number {
  if (depth > MAX_DEPTH) throw invalidDocument(`it is nested deeper than ${MAX_DEPTH} levels`);
  return documentSize(b) - 1;
}

/** The JSON string for the bytes of a text from `o` to `end`. */
const quoted = (b: Buffer, o: number, end: number): string => JSON.stringify(b.toString('utf8', o, end));

function valueText(type: number, b: Buffer, depth: number): string {
  switch (type) {
    case BsonType.string:
      return quoted(b, 4, b.length - 1);
    case BsonType.int32:
      return `{"$numberInt":"${b.readInt32LE(0)}"}`;
    case BsonType.int64:
      return `{"$numberLong":"${b.readBigInt64LE(0)}"}`;
    case BsonType.double:
      return `{"$numberDouble":"${doubleText(b.readDoubleLE(0))}"}`;
    case BsonType.decimal128:
      return `{"$numberDecimal":"${formatDecimal128(decodeDecimal128(b))}"}`;
    case BsonType.objectId:
      return `{"$oid":"${b.toString('hex')}"}`;
    case BsonType.document:
      return objectText(b, depth + 1);
    case BsonType.array:
      return arrayText(b, depth + 1);
    case BsonType.boolean:
      return b[0] === 0 ? 'false' : 'true';
    case BsonType.null:
      return 'null';
    case BsonType.date:
      return `{"$date":{"$numberLong":"${b.readBigInt64LE(0)}"}}`;
    case BsonType.timestamp:
      return `{"$timestamp":{"t":${b.readUInt32LE(4)},"i":${b.readUInt32LE(0)}}}`;
    case BsonType.binary:
      return binaryText(b);
    default:
      return rareText(type, b, depth);
  }
}

function rareText(type: number, b: Buffer, depth: number): string {
  switch (type) {
    case BsonType.regex: {
      const zero = b.indexOf(0);
      return `{"$regularExpression":{"pattern":${quoted(b, 0, zero)},"options":${quoted(b, zero + 1, b.length - 1)}}}`;
    }
    case BsonType.code:
      return `{"$code":${quoted(b, 4, b.length - 1)}}`;
    case BsonType.codeWithScope: {
      const scope = 8 + b.readInt32LE(4);
      return `{"$code":${quoted(b, 8, scope - 1)},"$scope":${objectText(b.subarray(scope), depth + 1)}}`;
    }
    case BsonType.symbol:
      return `{"$symbol":${quoted(b, 4, b.length - 1)}}`;
    case BsonType.dbPointer: {
      const id = b.length - 12;
      return `{"$dbPointer":{"$ref":${quoted(b, 4, id - 1)},"$id":{"$oid":"${b.toString('hex', id)}"}}}`;
    }
    case BsonType.undefined:
      return '{"$undefined":true}';
    case BsonType.minKey:
      return '{"$minKey":1}';
    case BsonType.maxKey:
      return '{"$maxKey":1}';
    default:
      throw invalidDocument(`a value has the unknown type 0x${type.toString(16)}`);
  }
}

/** Subtype 2 stores its length a second time. The text leaves that one out. */
function binaryText(b: Buffer): string {
  const isOld = b[4] === 2 && b.length >= 9 && b.readInt32LE(5) === b.length - 9;
  const base64 = b.toString('base64', isOld ? 9 : 5);
  return `{"$binary":{"base64":"${base64}","subType":"${b[4]!.toString(16).padStart(2, '0')}"}}`;
}

function doubleText(value: number): string {
  if (Object.is(value, -0)) return '-0.0';
  const text = String(value);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}
