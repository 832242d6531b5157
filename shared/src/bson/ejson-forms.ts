/**
 * The forms of Extended JSON v2: objects that stand for values that JSON lacks. Each form is read
 * into the BSON value that it stands for.
 */
import type { ByteWriter } from './byte-writer.ts';
import { encodeDecimal128, parseDecimal128 } from './decimal128.ts';
import type { JsonText } from './json-text.ts';
import { BsonType, invalidDocument } from './raw.ts';

/** What a form needs from the reader that met it. */
export interface FormReader {
  readonly json: JsonText;
  readonly out: ByteWriter;
  /** Sets the type byte of the value. */
  type(type: number): void;
  /** Reads an embedded document (a scope). No form may stand in its place. */
  embedded(depth: number): void;
}

type Form = (reader: FormReader, depth: number) => void;

const malformed = (form: string): Error => invalidDocument(`its Extended JSON has a malformed ${form}`);

/** Reads the text as a finite double. */
export function finite(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value)) throw malformed('double');
  return value;
}

/** Reads the text as a whole number of at most `bits` bits. */
function whole(text: string, bits: number, form: string): bigint {
  if (!/^-?\d{1,20}$/.test(text)) throw malformed(form);
  const value = BigInt(text);
  if (BigInt.asIntN(bits, value) !== value) throw malformed(form);
  return value;
}

function name({ json }: FormReader, expected: string): void {
  if (json.string() !== expected) throw malformed(expected);
  json.expect(':');
}

/** Reads `{first: …, second: …}` in this order, as canonical Extended JSON writes it. */
function pair<First, Second>(
  reader: FormReader,
  first: readonly [string, () => First],
  second: readonly [string, () => Second],
): readonly [First, Second] {
  reader.json.expect('{');
  name(reader, first[0]);
  const one = first[1]();
  reader.json.expect(',');
  name(reader, second[0]);
  const two = second[1]();
  reader.json.expect('}');
  return [one, two];
}

function unsigned({ json }: FormReader): number {
  const text = json.number();
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > 0xffff_ffff) throw malformed('$timestamp');
  return value;
}

function objectId({ json, out }: FormReader): void {
  const hex = json.string();
  if (!/^[0-9a-fA-F]{24}$/.test(hex)) throw malformed('$oid');
  out.bytes(Buffer.from(hex, 'hex'));
}

function cString(text: string): string {
  if (text.includes('\0')) throw malformed('$regularExpression');
  return text;
}

function double({ json, out }: FormReader): void {
  const text = json.string();
  if (text === 'NaN') out.int64(0x7ff8_0000_0000_0000n);
  else if (text === 'Infinity' || text === '-Infinity') out.double(Number(text));
  else if (/^-?\d+(\.\d*)?([eE][+-]?\d+)?$/.test(text)) out.double(finite(text));
  else throw malformed('$numberDouble');
}

function binary({ out }: FormReader, base64: string, subType: string): void {
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.toString('base64') !== base64 || !/^[0-9a-fA-F]{1,2}$/.test(subType)) throw malformed('$binary');
  const subtype = Number.parseInt(subType, 16);
  out.int32(subtype === 2 ? bytes.length + 4 : bytes.length);
  out.byte(subtype);
  if (subtype === 2) out.int32(bytes.length);
  out.bytes(bytes);
}

/**
 * The forms by the name that starts the object. Each reads from after the colon up to the closing
 * brace.
 */
export const FORMS: ReadonlyMap<string, Form> = new Map<string, Form>([
  [
    '$oid',
    (reader) => {
      reader.type(BsonType.objectId);
      objectId(reader);
    },
  ],
  [
    '$numberInt',
    (reader) => {
      reader.type(BsonType.int32);
      reader.out.int32(Number(whole(reader.json.string(), 32, '$numberInt')));
    },
  ],
  [
    '$numberLong',
    (reader) => {
      reader.type(BsonType.int64);
      reader.out.int64(whole(reader.json.string(), 64, '$numberLong'));
    },
  ],
  [
    '$numberDouble',
    (reader) => {
      reader.type(BsonType.double);
      double(reader);
    },
  ],
  [
    '$numberDecimal',
    (reader) => {
      const decimal = parseDecimal128(reader.json.string());
      if (!decimal) throw malformed('$numberDecimal');
      reader.type(BsonType.decimal128);
      reader.out.bytes(encodeDecimal128(decimal));
    },
  ],
  [
    '$date',
    (reader) => {
      reader.type(BsonType.date);
      reader.json.expect('{');
      name(reader, '$numberLong');
      reader.out.int64(whole(reader.json.string(), 64, '$date'));
      reader.json.expect('}');
    },
  ],
  [
    '$timestamp',
    (reader) => {
      reader.type(BsonType.timestamp);
      const seconds = (): number => unsigned(reader);
      const [t, i] = pair(reader, ['t', seconds], ['i', seconds]);
      reader.out.uint32(i);
      reader.out.uint32(t);
    },
  ],
  [
    '$binary',
    (reader) => {
      reader.type(BsonType.binary);
      const text = (): string => reader.json.string();
      const [base64, subType] = pair(reader, ['base64', text], ['subType', text]);
      binary(reader, base64, subType);
    },
  ],
  [
    '$regularExpression',
    (reader) => {
      reader.type(BsonType.regex);
      const text = (): string => cString(reader.json.string());
      const [pattern, options] = pair(reader, ['pattern', text], ['options', text]);
      reader.out.cString(pattern);
      reader.out.cString(options);
    },
  ],
  [
    '$symbol',
    (reader) => {
      reader.type(BsonType.symbol);
      reader.out.string(reader.json.string());
    },
  ],
  [
    '$code',
    (reader, depth) => {
      const code = reader.json.string();
      if (!reader.json.take(',')) {
        reader.type(BsonType.code);
        reader.out.string(code);
        return;
      }
      reader.type(BsonType.codeWithScope);
      const start = reader.out.open();
      reader.out.string(code);
      name(reader, '$scope');
      reader.embedded(depth);
      reader.out.close(start);
    },
  ],
  [
    '$dbPointer',
    (reader) => {
      reader.type(BsonType.dbPointer);
      const ref = (): void => reader.out.string(reader.json.string());
      const id = (): void => {
        reader.json.expect('{');
        name(reader, '$oid');
        objectId(reader);
        reader.json.expect('}');
      };
      pair(reader, ['$ref', ref], ['$id', id]);
    },
  ],
  [
    '$undefined',
    (reader) => {
      reader.type(BsonType.undefined);
      reader.json.literal('true');
    },
  ],
  [
    '$minKey',
    (reader) => {
      reader.type(BsonType.minKey);
      reader.json.literal('1');
    },
  ],
  [
    '$maxKey',
    (reader) => {
      reader.type(BsonType.maxKey);
      reader.json.literal('1');
    },
  ],
  ['$scope', refuse('$scope')],
  ['$uuid', refuse('$uuid')],
]);

/** Refuses a name that starts a form for other readers of Extended JSON, but not here. */
function refuse(form: string): Form {
  return () => {
    throw malformed(form);
  };
}
