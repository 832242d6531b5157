/** Documents whose values are too large for an entry of an index on the target. */
import { BsonType, elements, findElement, type RawElement } from '@waybill/shared/bson/raw';

export class IndexEntries {
  readonly #bytes: number;
  /** The paths of each index, by namespace. */
  readonly #keys = new Map<string, Map<string, readonly (readonly string[])[]>>();

  /** @param bytes that an entry may have */
  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  /** `spec` is raw BSON, as listIndexes gives it. */
  add(namespace: string, name: string, spec: Uint8Array): void {
    const key = findElement(spec, 'key');
    const paths = key ? [...elements(key.bytes)].map((field) => field.name.split('.')) : [];
    const known = this.#keys.get(namespace) ?? new Map<string, readonly (readonly string[])[]>();
    this.#keys.set(namespace, known.set(name, paths));
  }

  /** Whether an entry of one of its indexes would be too large. */
  isTooLarge(namespace: string, document: Uint8Array): boolean {
    const keys = this.#keys.get(namespace);
    if (keys === undefined || document.length <= this.#bytes) return false;
    for (const paths of keys.values()) {
      const size = paths.reduce((sum, path) => sum + largest(document, path, 0), 0);
      if (size > this.#bytes) return true;
    }
    return false;
  }
}

/** Bytes of the largest value at the path: each item of an array is an entry of its own. */
function largest(document: Uint8Array, path: readonly string[], at: number): number {
  const value = findElement(document, path[at]!);
  if (value === undefined) return 0;
  return sizeAt(value, path, at + 1);
}

function sizeAt(value: RawElement, path: readonly string[], at: number): number {
  if (value.type === BsonType.array) {
    let most = 0;
    for (const item of elements(value.bytes)) most = Math.max(most, sizeOf(item, path, at));
    return most;
  }
  return sizeOf(value, path, at);
}

function sizeOf({ type, bytes }: RawElement, path: readonly string[], at: number): number {
  if (at === path.length) return bytes.length;
  return type === BsonType.document ? largest(bytes, path, at) : 0;
}
