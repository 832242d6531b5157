/**
 * Replies without either driver's classes. Nested documents are Buffers of raw BSON, and arrays are
 * arrays of such values. Scalars are JavaScript's own: longs and timestamps are bigint (a timestamp
 * is a ClusterTime), and ObjectIds are hex.
 */

import type { ClusterTime } from '../../base/position.ts';
import { asBuffer } from '../../bson/raw.ts';

export type ReplyValue =
  | string
  | number
  | bigint
  | boolean
  | Date
  | Buffer
  | null
  | undefined
  | readonly ReplyValue[]
  | { readonly [name: string]: ReplyValue };

export type CommandReply = Readonly<Record<string, ReplyValue>>;

/**
 * The top-level arrays of documents in the replies that we use. The drivers leave only named arrays
 * raw.
 */
const RAW_ARRAYS = { writeErrors: true, databases: true, inprog: true, shards: true } as const;

/** An undefined field of a command is left out, not sent as null. */
export const COMMAND_OPTIONS = {
  raw: true,
  promoteLongs: false,
  fieldsAsRaw: RAW_ARRAYS,
  ignoreUndefined: true,
} as const;

interface DriverValue {
  readonly _bsontype?: unknown;
  toBigInt?(): bigint;
  toHexString?(): string;
  readonly buffer?: Uint8Array;
}

export function plainReply(reply: Record<string, unknown>): CommandReply {
  const plain: Record<string, ReplyValue> = {};
  for (const [name, value] of Object.entries(reply)) plain[name] = plainValue(value);
  return plain;
}

function plainValue(value: unknown): ReplyValue {
  if (value === null || typeof value !== 'object') return value as ReplyValue;
  if (value instanceof Uint8Array) return asBuffer(value);
  if (value instanceof Date) return value;
  if (Array.isArray(value)) return value.map(plainValue);
  const driverValue = value as DriverValue;
  switch (driverValue._bsontype) {
    case undefined:
      return plainReply(value as Record<string, unknown>);
    case 'Long':
      return driverValue.toBigInt?.();
    case 'Timestamp':
      return BigInt.asUintN(64, driverValue.toBigInt?.() ?? 0n);
    case 'ObjectId':
      return driverValue.toHexString?.();
    case 'Binary':
      return driverValue.buffer && asBuffer(driverValue.buffer);
    default:
      return String(value);
  }
}

/** A whole number of whatever width the server chose; undefined if there is none. */
export function replyNumber(reply: CommandReply, name: string): number | undefined {
  const value = reply[name];
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : undefined;
}

export function replyText(reply: CommandReply, name: string): string | undefined {
  const value = reply[name];
  return typeof value === 'string' ? value : undefined;
}

export function replyOperationTime(reply: CommandReply): ClusterTime | null {
  const value = reply.operationTime;
  return typeof value === 'bigint' ? value : null;
}
