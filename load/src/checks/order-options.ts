import { buildDocument, type Field } from '@waybill/shared/bson/build';
import { BsonType, elements, type NamedElement, type RawElement } from '@waybill/shared/bson/raw';

/**
 * The document with the options of its regular expressions in the alphabet's order, each once. That
 * means the same. It is for the rare document that needs it: everything is built anew.
 */
export function withOrderedOptions(document: Uint8Array): Buffer {
  return buildDocument([...elements(document)].map((each): Field => [each.nameBytes, ordered(each)]));
}

function ordered(element: NamedElement): RawElement {
  const { type, bytes } = element;
  if (type === BsonType.document || type === BsonType.array)
    return { type, bytes: withOrderedOptions(bytes) };
  if (type !== BsonType.regex) return element;
  const from = bytes.indexOf(0) + 1;
  const options = [...new Set(bytes.subarray(from, -1))].sort((a, b) => a - b);
  return { type, bytes: Buffer.concat([bytes.subarray(0, from), Uint8Array.from([...options, 0])]) };
}
