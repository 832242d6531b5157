import type { DataRecord } from '@waybill/shared/base/record';
import { buildDocument, int32, string } from '@waybill/shared/bson/build';
import type { RawElement } from '@waybill/shared/bson/raw';
import { expect, it } from 'vitest';
import { OpenImages } from './open-images.ts';

const record = (operation: string, id: RawElement, hasDocument: boolean): DataRecord => {
  const documentKey = buildDocument([['_id', id]]);
  return {
    namespace: 'a.b',
    operation,
    documentKey,
    document: hasDocument ? documentKey : null,
  } as unknown as DataRecord;
};

it('counts the documents whose last record has no document of its own', () => {
  const open = new OpenImages();
  for (const id of [int32(1), int32(2), int32(3), string('x')]) open.see(record('update', id, false));
  open.see(record('update', int32(1), false));
  expect(open.size).toBe(4);
  open.see(record('replace', int32(2), true));
  open.see(record('delete', int32(3), false));
  expect(open.size).toBe(2);
});
