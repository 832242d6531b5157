/**
 * Where two documents differ, field by field, for verification reports. Names are shown, values
 * never.
 */
import {
  asBuffer,
  BsonType,
  elements,
  invalidDocument,
  MAX_DEPTH,
  type NamedElement,
  type RawElement,
  typeName,
} from '@waybill/shared/bson/raw';
import { itemPath, memberPath } from '../base/field-path.ts';

/**
 * missing-left, missing-right: only the other side has the field or item. type, value: both have
 * it, with another type (int32 1 and double 1 differ so) or with other bytes. order: the same
 * fields in another order. duplicate: the name occurs more often on one side.
 */
export type DifferenceKind = 'missing-left' | 'missing-right' | 'type' | 'value' | 'order' | 'duplicate';

export interface FieldDifference {
  /**
   * `a.b[0].c`; a name that is no plain word stands as `["a.b"]`. Empty for the document itself.
   * Long names are cut.
   */
  readonly path: string;
  readonly kind: DifferenceKind;
  /** Name of the type, for instance `int32`; null where that side lacks the field. */
  readonly leftType: string | null;
  readonly rightType: string | null;
}

/** At most `limit` differences, in the left side's order; none exactly when the bytes are equal. */
export function diffDocuments(left: Uint8Array, right: Uint8Array, limit: number): FieldDifference[] {
  const diff = new Diff(limit);
  const type = BsonType.document;
  diff.compare('', { type, bytes: left }, { type, bytes: right }, 0);
  return diff.found;
}

const nameOfType = (element: RawElement | undefined): string | null =>
  element === undefined ? null : typeName(element.type);

/** The fields by name (its bytes as text), each with all its occurrences. */
function byName(document: Uint8Array): Map<string, NamedElement[]> {
  const fields = new Map<string, NamedElement[]>();
  for (const element of elements(document)) {
    const name = element.nameBytes.toString('latin1');
    const occurrences = fields.get(name);
    if (occurrences) occurrences.push(element);
    else fields.set(name, [element]);
  }
  return fields;
}

class Diff {
  readonly found: FieldDifference[] = [];
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  compare(path: string, left: RawElement, right: RawElement, depth: number): void {
    if (this.#full) return;
    if (left.type !== right.type) {
      this.#add(path, 'type', left, right);
      return;
    }
    if (asBuffer(left.bytes).equals(right.bytes)) return;
    if (depth >= MAX_DEPTH) throw invalidDocument(`it is nested deeper than ${MAX_DEPTH} levels`);
    const before = this.found.length;
    if (left.type === BsonType.document) this.#documents(path, left, right, depth);
    if (left.type === BsonType.array) this.#arrays(path, left, right, depth);
    if (this.found.length > before) return;
    // The bytes differ though no part does: the parts stand in another order, or an array's items
    // have odd names.
    this.#add(path, left.type === BsonType.document ? 'order' : 'value', left, right);
  }

  #documents(path: string, left: RawElement, right: RawElement, depth: number): void {
    const lefts = byName(left.bytes);
    const rights = byName(right.bytes);
    for (const [name, mine] of lefts) this.#occurrences(path, mine, rights.get(name) ?? [], depth);
    for (const [name, theirs] of rights) if (!lefts.has(name)) this.#occurrences(path, [], theirs, depth);
    const common = [...rights.keys()].filter((name) => lefts.has(name));
    const reordered = [...lefts.keys()]
      .filter((name) => rights.has(name))
      .some((name, at) => name !== common[at]);
    if (reordered) this.#add(path, 'order', left, right);
  }

  #occurrences(
    path: string,
    lefts: readonly NamedElement[],
    rights: readonly NamedElement[],
    depth: number,
  ): void {
    const [left] = lefts;
    const [right] = rights;
    const any = left ?? right;
    if (this.#full || !any) return;
    const at = memberPath(path, any.name);
    if (!left || !right) {
      this.#add(at, left ? 'missing-right' : 'missing-left', left, right);
      return;
    }
    if (lefts.length !== rights.length) this.#add(at, 'duplicate', left, right);
    for (const [index, one] of lefts.entries()) {
      const other = rights[index];
      if (other) this.compare(at, one, other, depth + 1);
    }
  }

  #arrays(path: string, left: RawElement, right: RawElement, depth: number): void {
    const lefts = elements(left.bytes);
    const rights = elements(right.bytes);
    for (let index = 0; !this.#full; index++) {
      const one = lefts.next().value ?? undefined;
      const other = rights.next().value ?? undefined;
      const at = itemPath(path, index);
      if (one && other) this.compare(at, one, other, depth + 1);
      else if (one) this.#add(at, 'missing-right', one, other);
      else if (other) this.#add(at, 'missing-left', one, other);
      else return;
    }
  }

  get #full(): boolean {
    return this.found.length >= this.#limit;
  }

  #add(
    path: string,
    kind: DifferenceKind,
    left: RawElement | undefined,
    right: RawElement | undefined,
  ): void {
    if (this.#full) return;
    this.found.push({ path, kind, leftType: nameOfType(left), rightType: nameOfType(right) });
  }
}
