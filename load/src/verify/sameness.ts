/** When a document of the source and one of the target are the same. */
import type { RawElement } from '@waybill/shared/bson/raw';
import type { CanonicalRules } from '../target/rules/canonical.ts';
import { CanonicalForm } from './canonical-form.ts';
import { keyOf } from './side.ts';

export interface Sameness {
  /** Equal for `_id`s that are the same. */
  readonly keyOf: (id: RawElement) => string;
  /** For documents whose bytes differ. */
  readonly isSame: (source: Buffer, target: Buffer) => boolean;
  /** The document in the form that the target gives it. */
  readonly formOf: (document: Buffer) => Buffer;
}

const BY_BYTES: Sameness = {
  keyOf,
  isSame: () => false,
  formOf: (document) => document,
};

/** Null: the target keeps every byte. */
export function samenessBy(rules: CanonicalRules | null): Sameness {
  if (rules === null) return BY_BYTES;
  const form = new CanonicalForm(rules);
  return {
    keyOf: (id) => keyOf(form.ofId(id)),
    isSame: (source, target) => form.isSame(source, target),
    formOf: (document) => form.of(document),
  };
}
