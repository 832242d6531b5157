/** Takes the fields of a shard key out of raw documents, in one pass. Pure. */
import {
  asBuffer,
  BsonType,
  documentSize,
  isName,
  nameEnd,
  payloadEnd,
  type RawElement,
} from '@waybill/shared/bson/raw';
import type { FilterField } from '@waybill/shared/bson/statement';

/** A field of a shard key. Dots lead into embedded documents. */
export interface KeyPath {
  readonly path: Buffer;
  readonly steps: readonly Buffer[];
}

export function keyPath(path: string): KeyPath {
  return { path: Buffer.from(path), steps: path.split('.').map((step) => Buffer.from(step)) };
}

/** What keeps a document out of a sharded collection. */
export type KeyFault = 'array' | 'undefined';

/** A missing field counts as null, for a server as well. */
const MISSING: RawElement = { type: BsonType.null, bytes: Buffer.alloc(0) };

/** The key's fields, in the order of `paths`, as a statement's filter names them. */
export function keyFields(document: Uint8Array, paths: readonly KeyPath[]): FilterField[] | KeyFault {
  const found = new Array<RawElement | undefined>(paths.length);
  const fault = collect(asBuffer(document), paths, 0, found);
  if (fault) return fault;
  return paths.map(({ path }, at) => ({ path, ...(found[at] ?? MISSING) }));
}

/**
 * Looks at the fields of one document. `found` has a value for every path that is settled. Where a
 * name occurs twice, servers take the first.
 */
function collect(
  b: Buffer,
  paths: readonly KeyPath[],
  depth: number,
  found: (RawElement | undefined)[],
): KeyFault | null {
  const limit = documentSize(b) - 1;
  let left = 0;
  for (let at = 0; at < paths.length; at++) if (found[at] === undefined) left++;
  let o = 4;
  while (o < limit && left > 0) {
    const type = b[o]!;
    const zero = nameEnd(b, o + 1, limit);
    const end = payloadEnd(b, type, zero + 1, limit);
    let below: KeyPath[] | null = null;
    for (let at = 0; at < paths.length; at++) {
      const step = paths[at]!.steps[depth]!;
      if (found[at] !== undefined || !isName(b, o + 1, zero, step)) continue;
      if (type === BsonType.array) return 'array';
      left--;
      found[at] = MISSING;
      const isLast = depth === paths[at]!.steps.length - 1;
      if (!isLast && type === BsonType.document) below = [...(below ?? []), paths[at]!];
      if (!isLast) continue;
      if (type === BsonType.undefined) return 'undefined';
      found[at] = { type, bytes: b.subarray(zero + 1, end) };
    }
    if (below !== null) {
      const deeper = new Array<RawElement | undefined>(below.length);
      const fault = collect(b.subarray(zero + 1, end), below, depth + 1, deeper);
      if (fault) return fault;
      for (const [at, path] of below.entries()) found[paths.indexOf(path)] = deeper[at] ?? MISSING;
    }
    o = end;
  }
  return null;
}

/** The same bytes: a server takes 1 and 1.0 for different places where a key changes. */
export function isSameKey(one: readonly FilterField[], other: readonly FilterField[]): boolean {
  return one.every(({ type, bytes }, at) => {
    const its = other[at]!;
    return type === its.type && asBuffer(bytes).equals(its.bytes);
  });
}
