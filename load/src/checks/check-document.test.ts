import { documentId } from '@waybill/shared/bson/statement';
import { FIRESTORE_POISON } from '@waybill/test/support/poison/firestore';
import { describe, expect, it } from 'vitest';
import { FIRESTORE } from '../target/profiles/firestore.ts';
import { DocumentCheck } from './check-document.ts';

const check = new DocumentCheck(FIRESTORE.documents.rules!);
const found = (document: Buffer) => check.check(documentId(document), document);

describe("Firestore's rules", () => {
  it.each(FIRESTORE_POISON)('$name: $rule', ({ rule, path, violating, allowed }) => {
    expect(found(violating)).toMatchObject({ rule, path });
    expect(found(allowed)).toBeNull();
  });
});
