import {
  array,
  buildArray,
  buildDocument,
  date,
  doc,
  double,
  type Field,
  int32,
  string,
  symbol,
} from '@waybill/shared/bson/build';
import { BsonType, elements, type RawElement } from '@waybill/shared/bson/raw';
import { documentId } from '@waybill/shared/bson/statement';
import { FERRETDB_POISON } from '@waybill/test/support/poison/ferretdb';
import { FIRESTORE_POISON } from '@waybill/test/support/poison/firestore';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FERRETDB } from '../target/profiles/ferretdb.ts';
import { FIRESTORE } from '../target/profiles/firestore.ts';
import { DocumentCheck } from './check-document.ts';

const check = new DocumentCheck(FIRESTORE.documents.rules!);
const found = (document: Buffer) => check.check(documentId(document), document);

describe('the rules of FerretDB 1', () => {
  const ofFerretdb = new DocumentCheck(FERRETDB.documents.older!.rules);
  it.each(FERRETDB_POISON)('$name: $rule', ({ rule, path, violating, allowed }) => {
    expect(ofFerretdb.check(documentId(violating), violating)).toMatchObject({ rule, path });
    expect(ofFerretdb.check(documentId(allowed), allowed)).toBeNull();
  });
});

describe("Firestore's rules", () => {
  it.each(FIRESTORE_POISON)('$name: $rule', ({ rule, path, violating, allowed }) => {
    expect(found(violating)).toMatchObject({ rule, path });
    expect(found(allowed)).toBeNull();
  });
});

/** The same rules, without any hurry: each fault as `rule path`. */
function slowly(document: Uint8Array, path = '', depth = 0, isArray = false): string[] {
  const faults: string[] = [];
  for (const { name, type, bytes } of elements(document)) {
    const at = isArray ? `${path}[${name}]` : path === '' ? name : `${path}.${name}`;
    if (!isArray && /^__.*__$/.test(name)) faults.push(`field-name ${at}`);
    const holds = type === BsonType.document || type === BsonType.array;
    if (holds && depth >= 20) faults.push(`depth ${at}`);
    else if (holds) faults.push(...slowly(bytes, at, depth + 1, type === BsonType.array));
    if (type === BsonType.symbol) faults.push(`bson-type ${at}`);
    if (type === BsonType.date && Buffer.from(bytes).readBigInt64LE(0) > 253_402_300_799_999n)
      faults.push(`date-range ${at}`);
  }
  return faults;
}

it('finds what a slow reading finds, in its order', () => {
  const name = fc.constantFrom('a', 'b', '__c', '__d__', '____', 'e__');
  const leaf = fc.constantFrom(int32(1), string('x'), symbol('y'), date(0), date(2n ** 60n), double(1));
  const { value } = fc.letrec<{ value: RawElement }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 23, depthSize: 'max' },
      leaf,
      fc
        .array(fc.tuple(name, tie('value')), { maxLength: 3 })
        .map((some): RawElement => doc(buildDocument(some))),
      fc.array(tie('value'), { maxLength: 2 }).map((some): RawElement => array(buildArray(some))),
    ),
  }));
  const deep = fc.tuple(fc.integer({ min: 15, max: 25 }), value).map(([levels, inner]) => {
    let whole = inner;
    for (let level = 0; level < levels; level++)
      whole = level % 2 ? array(buildArray([whole])) : doc(buildDocument([['n', whole]]));
    return whole;
  });
  const documents = fc
    .array(fc.tuple(name, fc.oneof(leaf, value, deep)), { maxLength: 4 })
    .map((fields) => buildDocument([['_id', int32(1)], ...fields] satisfies Field[]));
  fc.assert(
    fc.property(documents, (document) => {
      const all: string[] = [];
      check.eachFault(int32(1), document, ({ rule, path }) => void all.push(`${rule} ${path}`));
      expect(all).toEqual(slowly(document));
      const first = found(document);
      expect(first === null ? undefined : `${first.rule} ${first.path}`).toBe(all[0]);
    }),
  );
});
