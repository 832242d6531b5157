/**
 * Builds the statements of update and delete commands from raw documents, with one allocation and
 * one copy of the document.
 */
import {
  asBuffer,
  BsonType,
  documentSize,
  findElement,
  invalidDocument,
  nameEnd,
  payloadEnd,
  type RawElement,
} from './raw.ts';

const DOLLAR = 0x24;

/**
 * Returns the `_id` of a document. Servers store it first. This searches for an `_id` that stands
 * later.
 */
export function documentId(document: Uint8Array): RawElement {
  const b = asBuffer(document);
  if (b.length > 8 && b[5] === 0x5f && b[6] === 0x69 && b[7] === 0x64 && b[8] === 0) {
    const type = b[4]!;
    const end = payloadEnd(b, type, 9, documentSize(b) - 1);
    return { type, bytes: b.subarray(9, end) };
  }
  const id = findElement(b, '_id');
  if (!id) throw invalidDocument('it has no _id');
  return id;
}

/**
 * True if the first name starts with `$`. The server would take such a replacement for update
 * operators.
 */
export function startsWithDollar(document: Uint8Array): boolean {
  return document.length > 5 && document[4] !== 0 && document[5] === DOLLAR;
}

/**
 * True if a top-level field is Timestamp(0,0). A server rewrites such a field unless the command
 * gives `bypassEmptyTsReplacement`.
 */
export function hasTopLevelZeroTimestamp(document: Uint8Array): boolean {
  const limit = documentSize(document) - 1;
  let o = 4;
  while (o < limit) {
    const type = document[o]!;
    const start = nameEnd(document, o + 1, limit) + 1;
    o = payloadEnd(document, type, start, limit);
    if (type === BsonType.timestamp && isZero(document, start, o)) return true;
  }
  return false;
}

function isZero(b: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (b[i] !== 0) return false;
  return true;
}

const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1');

// The fixed pieces between the parts that vary. Types: \x03 document, \x04 array, \x08 boolean,
// \x10 int32.
const QUERY = bytesOf('\x03q\0');
const ID = bytesOf('_id');
const EQ_NAME = bytesOf('$eq\0');
const UPDATE = bytesOf('\x03u\0');
const PIPELINE = bytesOf('\x04u\0');
const STAGE = bytesOf('\x030\0');
const REPLACE_WITH = bytesOf('\x03$replaceWith\0');
const LITERAL = bytesOf('\x03$literal\0');
const UPSERT_TAIL = bytesOf('\x08upsert\0\x01\x08multi\0\0\0');
const UPDATE_TAIL = bytesOf('\x08upsert\0\0\x08multi\0\0\0');
const DELETE_TAIL = bytesOf('\x10limit\0\x01\0\0\0\0');

/** A field that a statement's filter asks for beside `_id`: a path with dots, as UTF-8. */
export interface FilterField extends RawElement {
  readonly path: Uint8Array;
}

const ID_ALONE: readonly FilterField[] = [];

/**
 * Measures `{_id: id, …fields}`. The server would read an embedded document that starts with `$` as
 * operators, so such a value stands under `$eq`.
 */
function querySize(id: RawElement, fields: readonly FilterField[]): number {
  let size = 5 + fieldSize(id, ID.length);
  for (const field of fields) size += fieldSize(field, field.path.length);
  return size;
}

function fieldSize(value: RawElement, pathLength: number): number {
  const plain = 2 + pathLength + value.bytes.length;
  return needsEq(value) ? plain + 5 + 1 + EQ_NAME.length : plain;
}

function needsEq(value: RawElement): boolean {
  return value.type === BsonType.regex || (value.type === BsonType.document && startsWithDollar(value.bytes));
}

function writeQuery(out: Buffer, offset: number, id: RawElement, fields: readonly FilterField[]): number {
  let o = put(out, offset, QUERY);
  o = out.writeInt32LE(querySize(id, fields), o);
  o = writeField(out, o, ID, id);
  for (const field of fields) o = writeField(out, o, field.path, field);
  out[o++] = 0;
  return o;
}

function writeField(out: Buffer, offset: number, path: Uint8Array, value: RawElement): number {
  const underEq = needsEq(value);
  let o = offset;
  out[o++] = underEq ? BsonType.document : value.type;
  o = put(out, o, path);
  out[o++] = 0;
  if (!underEq) return put(out, o, value.bytes);
  o = out.writeInt32LE(5 + 1 + EQ_NAME.length + value.bytes.length, o);
  out[o++] = value.type;
  o = put(out, o, EQ_NAME);
  o = put(out, o, value.bytes);
  out[o++] = 0;
  return o;
}

function put(out: Buffer, o: number, bytes: Uint8Array): number {
  out.set(bytes, o);
  return o + bytes.length;
}

/**
 * Builds `{q: {_id, …fields}, u: document, upsert, multi: false}`. If the first name of the
 * document starts with `$`, the server would read it as update operators. Such a document goes as
 * the pipeline `[{$replaceWith: {$literal: document}}]`.
 */
export function replaceStatement(
  id: RawElement,
  document: Uint8Array,
  upsert = true,
  fields: readonly FilterField[] = ID_ALONE,
): Buffer {
  if (startsWithDollar(document)) return pipelineStatement(id, document, upsert, fields);
  const size =
    4 + QUERY.length + querySize(id, fields) + UPDATE.length + document.length + UPDATE_TAIL.length;
  const out = Buffer.allocUnsafe(size);
  let o = out.writeInt32LE(size);
  o = writeQuery(out, o, id, fields);
  o = put(out, o, UPDATE);
  o = put(out, o, document);
  put(out, o, upsert ? UPSERT_TAIL : UPDATE_TAIL);
  return out;
}

/**
 * Builds the statement with a pipeline, see {@link replaceStatement}. Five bytes surround the
 * content of a document or array: its length before, a zero after.
 */
export function pipelineStatement(
  id: RawElement,
  document: Uint8Array,
  upsert = true,
  fields: readonly FilterField[] = ID_ALONE,
): Buffer {
  const literalSize = 5 + LITERAL.length + document.length;
  const stageSize = 5 + REPLACE_WITH.length + literalSize;
  const arraySize = 5 + STAGE.length + stageSize;
  const size = 4 + QUERY.length + querySize(id, fields) + PIPELINE.length + arraySize + UPDATE_TAIL.length;
  const out = Buffer.allocUnsafe(size);
  let o = out.writeInt32LE(size);
  o = writeQuery(out, o, id, fields);
  o = put(out, o, PIPELINE);
  o = out.writeInt32LE(arraySize, o);
  o = put(out, o, STAGE);
  o = out.writeInt32LE(stageSize, o);
  o = put(out, o, REPLACE_WITH);
  o = out.writeInt32LE(literalSize, o);
  o = put(out, o, LITERAL);
  o = put(out, o, document);
  out.fill(0, o, o + 3);
  put(out, o + 3, upsert ? UPSERT_TAIL : UPDATE_TAIL);
  return out;
}

/** Builds `{q: {_id, …fields}, limit: 1}`. */
export function deleteStatement(id: RawElement, fields: readonly FilterField[] = ID_ALONE): Buffer {
  const size = 4 + QUERY.length + querySize(id, fields) + DELETE_TAIL.length;
  const out = Buffer.allocUnsafe(size);
  const o = writeQuery(out, out.writeInt32LE(size), id, fields);
  put(out, o, DELETE_TAIL);
  return out;
}
