import { EVERYTHING, SAMPLES } from '@waybill/test/support/bson/samples';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hasCode } from '../base/errors.ts';
import { buildArray, buildDocument, doc, fromObject, int32, string } from './build.ts';
import { DocumentPlaces } from './document-places.ts';
import { assertDocument, documentSize, elements, findElement, MAX_DEPTH, typeName } from './raw.ts';

const itemsOf = (array: Buffer): Buffer[] => DocumentPlaces.ofArray(array).toArray();

const invalid = expect.objectContaining({ code: 'DOCUMENT_INVALID' });

function nested(depth: number): Buffer {
  let inner = buildDocument([]);
  for (let level = 1; level < depth; level++) inner = buildDocument([['a', doc(inner)]]);
  return inner;
}

describe('walking', () => {
  test('every type comes back with its payload', () => {
    expect([...elements(EVERYTHING)].map(({ name, type, bytes }) => [name, { type, bytes }])).toEqual(
      Object.entries(SAMPLES).map(([name, { type, bytes }]) => [name, { type, bytes: Buffer.from(bytes) }]),
    );
    expect(() => assertDocument(EVERYTHING)).not.toThrow();
  });

  test('slices share the memory of the document', () => {
    const document = fromObject({ a: 'x' });
    expect(findElement(document, 'a')?.bytes.buffer).toBe(document.buffer);
  });

  test('repeated, empty and badly encoded names are kept', () => {
    const bad = Buffer.from([0xff, 0x61]);
    const document = buildDocument([
      ['a', int32(1)],
      ['', int32(2)],
      ['a', int32(3)],
      [bad, int32(4)],
    ]);
    expect([...elements(document)].map((el) => el.nameBytes)).toEqual([
      Buffer.from('a'),
      Buffer.from(''),
      Buffer.from('a'),
      bad,
    ]);
    expect(findElement(document, 'a')?.bytes).toEqual(int32(1).bytes);
    expect(findElement(document, '')?.bytes).toEqual(int32(2).bytes);
    expect(findElement(document, bad)?.bytes).toEqual(int32(4).bytes);
    expect(findElement(document, '\ufffda')).toBeUndefined();
  });

  test('a document inside of a larger buffer, and one given as a plain Uint8Array', () => {
    const document = fromObject({ a: 'x' });
    const wide = Buffer.concat([Buffer.from([9, 9, 9]), document, Buffer.from([9])]);
    expect(documentSize(wide, 3)).toBe(document.length);
    expect(findElement(new Uint8Array(document), 'a')?.bytes).toEqual(Buffer.from(string('x').bytes));
  });

  test('documents of an array', () => {
    const documents = [fromObject({ a: 1 }), fromObject({}), fromObject({ b: 'x' })];
    expect(itemsOf(buildArray(documents.map(doc)))).toEqual(documents);
    expect(() => itemsOf(buildArray([int32(1)]))).toThrow(invalid);
  });
});

describe('damaged bytes', () => {
  test('every truncation is found', () => {
    for (let length = 0; length < EVERYTHING.length; length++) {
      const cut = EVERYTHING.subarray(0, length);
      expect(() => assertDocument(cut)).toThrow(invalid);
      expect(() => [...elements(cut)]).toThrow(invalid);
    }
  });

  test('every flipped byte is refused as DOCUMENT_INVALID or leaves a document that can be walked', () => {
    for (let index = 0; index < EVERYTHING.length; index++) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const damaged = Buffer.from(EVERYTHING);
        damaged[index]! ^= flip;
        try {
          assertDocument(damaged);
          for (const _ of elements(damaged));
        } catch (error) {
          if (!hasCode(error, 'DOCUMENT_INVALID')) throw error;
        }
      }
    }
  });

  test('noise never does anything but throw DOCUMENT_INVALID', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), (noise) => {
        const bytes = Buffer.alloc(noise.length + 5);
        bytes.set(noise, 4);
        bytes.writeInt32LE(bytes.length);
        for (const read of [assertDocument, (b: Buffer) => [...elements(b)], itemsOf]) {
          try {
            read(bytes);
          } catch (error) {
            expect(error).toEqual(invalid);
          }
        }
      }),
    );
  });

  test.each([
    ['negative string length', '11000000026100ffffffff000000000000'],
    ['unknown type', '0800000014610000'],
    ['inner document longer than the outer', '0d000000036100070000000000'],
    ['code with scope whose parts do not add up', '1a0000000f610012000000020000006100050000000000ff0000'],
  ])('%s', (_, hex) => {
    expect(() => assertDocument(Buffer.from(hex, 'hex'))).toThrow(invalid);
  });

  test('bytes after the end', () => {
    expect(() => assertDocument(Buffer.concat([fromObject({}), Buffer.alloc(1)]))).toThrow(invalid);
  });

  test('nesting is followed up to a bound', () => {
    expect(() => assertDocument(nested(MAX_DEPTH))).not.toThrow();
    expect(() => assertDocument(nested(MAX_DEPTH + 1))).toThrow(invalid);
  });
});

describe('typeName', () => {
  test('knows every type, and says the number of another', () => {
    expect([0x07, 0x10, 0xff].map(typeName)).toEqual(['objectId', 'int32', 'minKey']);
    expect(typeName(0x42)).toBe('0x42');
  });
});
