/** Indexes that a kind of target refuses, where its pages say so. */
import { BsonType, elements, findElement } from '@waybill/shared/bson/raw';
import { readString } from '@waybill/shared/bson/values';

export interface IndexRules {
  /** As in a key (`hashed`, `2d`), or `wildcard`. */
  readonly refusedKinds: readonly string[];
  /** Fields of an index's definition. */
  readonly refusedFields: readonly string[];
  /** Fields of a key. Null: as many as MongoDB takes. */
  readonly keyFields: number | null;
  /** Of one collection, the one on `_id` included. Null: as many as MongoDB takes. */
  readonly perCollection: number | null;
  /** Of one entry. Null: as many as MongoDB takes. */
  readonly entryBytes: number | null;
}

/** What MongoDB takes. */
export const ANY_INDEX: IndexRules = {
  refusedKinds: [],
  refusedFields: [],
  keyFields: null,
  perCollection: null,
  entryBytes: null,
};

/** What the target refuses of it, or null. `spec` is raw BSON, as listIndexes gives it. */
export function indexRefusal(rules: IndexRules, spec: Uint8Array): string | null {
  const { refusedKinds, refusedFields, keyFields } = rules;
  const key = findElement(spec, 'key');
  const fields = key ? [...elements(key.bytes)] : [];
  const kinds = fields.map((field) => {
    if (field.type === BsonType.string) return readString(field);
    return field.name === '$**' || field.name.endsWith('.$**') ? 'wildcard' : '';
  });
  const kind = refusedKinds.find((each) => kinds.includes(each));
  if (kind !== undefined) return `${kind}`;
  const field = refusedFields.find((each) => findElement(spec, each) !== undefined);
  if (field !== undefined) return field;
  if (keyFields !== null && fields.length > keyFields) return `more than ${keyFields} fields`;
  return null;
}
