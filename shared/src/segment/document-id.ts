import { WaybillError } from '../errors.ts';

/** Where the `_id` element lies in a document: from its type byte to after its value. */
export interface IdSpan {
  readonly start: number;
  readonly end: number;
}

const NAME = 0x0064695f; // "_id" and its terminator, as a little-endian number
const NAME_BYTES = 4;

/**
 * Finds `_id`. The server keeps it first, so this looks there and walks on only where it is not.
 * Throws DOCUMENT_INVALID where there is none.
 */
export function findId(document: Buffer): IdSpan {
  let at = 4;
  const last = document.length - 1;
  while (at < last) {
    const start = at;
    const type = document[at] ?? 0;
    const isId = at + 1 + NAME_BYTES <= last && document.readInt32LE(at + 1) === NAME;
    const value = isId ? at + 1 + NAME_BYTES : document.indexOf(0, at + 1) + 1;
    at = value === 0 ? -1 : valueEnd(document, type, value);
    if (at <= start || at > last) break;
    if (isId) return { start, end: at };
  }
  throw new WaybillError('DOCUMENT_INVALID', 'A document of a snapshot has no readable _id.');
}

/** The offset after a value, or -1 for a type that does not exist. */
function valueEnd(document: Buffer, type: number, at: number): number {
  switch (type) {
    case 0x07:
      return at + 12;
    case 0x10:
      return at + 4;
    case 0x01:
    case 0x09:
    case 0x11:
    case 0x12:
      return at + 8;
    case 0x13:
      return at + 16;
    case 0x08:
      return at + 1;
    case 0x06:
    case 0x0a:
    case 0x7f:
    case 0xff:
      return at;
    case 0x02:
    case 0x0d:
    case 0x0e:
      return at + 4 + lengthAt(document, at);
    case 0x03:
    case 0x04:
    case 0x0f:
      return at + lengthAt(document, at);
    case 0x05:
      return at + 5 + lengthAt(document, at);
    case 0x0c:
      return at + 4 + lengthAt(document, at) + 12;
    case 0x0b:
      return document.indexOf(0, document.indexOf(0, at) + 1) + 1;
    default:
      return -1;
  }
}

/** A length that cannot be lies beyond any end. */
function lengthAt(document: Buffer, at: number): number {
  if (at + 4 > document.length) return Number.MAX_SAFE_INTEGER;
  const length = document.readInt32LE(at);
  return length < 0 ? Number.MAX_SAFE_INTEGER : length;
}
