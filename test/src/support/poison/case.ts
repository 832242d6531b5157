import { buildDocument, type Field, int32, string } from '@waybill/shared/bson/build';
import type { RawElement } from '@waybill/shared/bson/raw';

export interface PoisonCase {
  readonly name: string;
  /** As `Violation.rule` names it. */
  readonly rule: string;
  readonly violating: Buffer;
  /** Where it breaks the rule. */
  readonly path: string;
  /** The nearest document that keeps the rule. */
  readonly allowed: Buffer;
}

/** Documents with `_id`s of their own, in which one field matters: a value of `x`, or the field. */
export function field(
  name: string,
  rule: string,
  path: string,
  violating: RawElement | Field,
  allowed: RawElement | Field,
): PoisonCase {
  const made = (kind: string, value: RawElement | Field): Buffer => {
    const added: Field = 'type' in value ? ['x', value] : value;
    return buildDocument([
      ['_id', string(`${kind} ${name}`)],
      ['before', string('ä')],
      added,
      ['after', int32(1)],
    ]);
  };
  return { name, rule, path, violating: made('poison', violating), allowed: made('good', allowed) };
}
