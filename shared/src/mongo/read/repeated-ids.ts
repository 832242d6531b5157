import { canonicalKey } from '../../bson/canonical-key.ts';
import type { DocumentPlaces } from '../../bson/document-places.ts';
import { BsonType, findElement, locateElement, type RawElement } from '../../bson/raw.ts';

/** Two values of one of these types are equal if their bytes are, and only then. */
const PLAIN: ReadonlySet<number> = new Set([
  BsonType.objectId,
  BsonType.string,
  BsonType.int32,
  BsonType.int64,
  BsonType.binary,
  BsonType.date,
]);
const ID = Buffer.from('_id');

/** Finds documents whose `_id` is that of the document before, in a reading in `_id` order. */
export class RepeatedIds {
  #last: RawElement | null;

  /** @param after where the reading goes on: a document whose `_id` counts */
  constructor(after: Uint8Array | null) {
    this.#last = (after && findElement(after, '_id')) ?? null;
  }

  /** The repeated ids among the next documents, as copies. */
  in(places: DocumentPlaces): RawElement[] {
    const { source, count } = places;
    const repeated: RawElement[] = [];
    let last = this.#last;
    for (let index = 0; index < count; index++) {
      const place = locateElement(source, places.start(index), ID);
      if (place === undefined) continue;
      const id = { type: place.type, bytes: source.subarray(place.start, place.end) };
      if (last !== null && isEqual(last, id)) repeated.push(copyOf(id));
      last = id;
    }
    // The next documents may overwrite these bytes.
    this.#last = last && copyOf(last);
    return repeated;
  }
}

function isEqual(a: RawElement, b: RawElement): boolean {
  if (a.type === b.type && PLAIN.has(a.type)) return Buffer.compare(a.bytes, b.bytes) === 0;
  return canonicalKey(a) === canonicalKey(b);
}

function copyOf({ type, bytes }: RawElement): RawElement {
  return { type, bytes: Buffer.from(bytes) };
}
