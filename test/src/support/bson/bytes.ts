/**
 * BSON from scratch, for the corpus: it can write what no driver would (duplicate keys, invalid
 * UTF-8, deprecated types), and shares no code with what it tests.
 */
export interface Value {
  readonly type: number;
  readonly bytes: Buffer;
}

export type Field = readonly [name: string | Buffer, value: Value];

export function document(...fields: readonly Field[]): Buffer {
  const parts = fields.map(([name, { type, bytes }]) => {
    const key = typeof name === 'string' ? Buffer.from(name) : name;
    return Buffer.concat([Buffer.from([type]), key, Buffer.from([0]), bytes]);
  });
  const body = Buffer.concat(parts);
  return Buffer.concat([u32(body.length + 5), body, Buffer.from([0])]);
}

export const double = (value: number): Value => {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return { type: 0x01, bytes };
};
/** A double given by its bits, high word first: NaN with a payload has no other spelling. */
export const doubleBits = (hex: string): Value => ({ type: 0x01, bytes: Buffer.from(hex, 'hex').reverse() });
export const string = (text: string | Buffer): Value => ({ type: 0x02, bytes: lengthPrefixed(text) });
export const object = (...fields: readonly Field[]): Value => ({ type: 0x03, bytes: document(...fields) });
export const embedded = (bytes: Buffer): Value => ({ type: 0x03, bytes });
export const array = (...values: readonly Value[]): Value => ({
  type: 0x04,
  bytes: document(...values.map((value, index): Field => [String(index), value])),
});
/** An array whose keys are not 0, 1, 2. */
export const arrayWithKeys = (...fields: readonly Field[]): Value => ({
  type: 0x04,
  bytes: document(...fields),
});
export const binary = (subtype: number, content: Buffer | string): Value => {
  const bytes = Buffer.from(content as string);
  const body = subtype === 2 ? Buffer.concat([u32(bytes.length), bytes]) : bytes;
  return { type: 0x05, bytes: Buffer.concat([u32(body.length), Buffer.from([subtype]), body]) };
};
export const undefinedValue: Value = { type: 0x06, bytes: Buffer.alloc(0) };
export const objectId = (hex: string): Value => ({ type: 0x07, bytes: Buffer.from(hex, 'hex') });
export const boolean = (value: boolean): Value => ({ type: 0x08, bytes: Buffer.from([value ? 1 : 0]) });
export const date = (milliseconds: bigint): Value => ({ type: 0x09, bytes: i64(milliseconds) });
export const nullValue: Value = { type: 0x0a, bytes: Buffer.alloc(0) };
export const regex = (pattern: string, options: string): Value => ({
  type: 0x0b,
  bytes: Buffer.from(`${pattern}\0${options}\0`),
});
export const dbPointer = (namespace: string, hex: string): Value => ({
  type: 0x0c,
  bytes: Buffer.concat([lengthPrefixed(namespace), Buffer.from(hex, 'hex')]),
});
export const code = (text: string): Value => ({ type: 0x0d, bytes: lengthPrefixed(text) });
export const symbol = (text: string): Value => ({ type: 0x0e, bytes: lengthPrefixed(text) });
export const codeWithScope = (text: string, scope: Buffer): Value => {
  const body = Buffer.concat([lengthPrefixed(text), scope]);
  return { type: 0x0f, bytes: Buffer.concat([u32(body.length + 4), body]) };
};
export const int32 = (value: number): Value => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return { type: 0x10, bytes };
};
export const timestamp = (seconds: number, increment: number): Value => ({
  type: 0x11,
  bytes: Buffer.concat([u32(increment), u32(seconds)]),
});
export const int64 = (value: bigint): Value => ({ type: 0x12, bytes: i64(value) });
/** Decimal128 by its bits, high word first. */
export const decimalBits = (hex: string): Value => ({ type: 0x13, bytes: Buffer.from(hex, 'hex').reverse() });
export const minKey: Value = { type: 0xff, bytes: Buffer.alloc(0) };
export const maxKey: Value = { type: 0x7f, bytes: Buffer.alloc(0) };

function lengthPrefixed(text: string | Buffer): Buffer {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  return Buffer.concat([u32(bytes.length + 1), bytes, Buffer.from([0])]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function i64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(value);
  return bytes;
}
