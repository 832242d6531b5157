import type { DocumentPlace } from '../bson/document-places.ts';
import { invalidDocument, nameEnd, payloadEnd } from '../bson/raw.ts';

/**
 * The place of the `_id` element in the bytes that hold its document: from its type byte to after
 * its value.
 */
export interface IdSpan {
  readonly start: number;
  readonly end: number;
}

const NAME = 0x0064_695f; // "_id" and its terminator, as a little-endian number
const NAME_BYTES = 4;

/**
 * Finds `_id`. The server keeps it first, so this looks there, and walks on only if it is not
 * there. Throws DOCUMENT_INVALID if the document has none.
 */
export function findId({ source, start: from, end }: DocumentPlace): IdSpan {
  const limit = end - 1;
  for (let at = from + 4; at < limit; ) {
    const start = at;
    const isId = start + 1 + NAME_BYTES <= limit && source.readInt32LE(start + 1) === NAME;
    const value = isId ? start + 1 + NAME_BYTES : nameEnd(source, start + 1, limit) + 1;
    at = payloadEnd(source, source[start]!, value, limit);
    if (isId) return { start, end: at };
  }
  throw invalidDocument('a document of a snapshot has no _id');
}
