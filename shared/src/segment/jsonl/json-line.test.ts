import { anyRecord, sampleRecord } from '@waybill/test/support/segment/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildDocument, double, int32, int64, string } from '../../bson/build.ts';
import { UnknownFeature } from '../corrupt.ts';
import { lineToRecord, recordToLine } from './json-line.ts';
import { jsonMembers } from './json-members.ts';

const withoutEnd = (line: string): string => line.slice(0, -1);

describe('a record as a line of JSON', () => {
  it('is one line, and comes back to the byte, be its documents BSON or not', () => {
    fc.assert(
      fc.property(anyRecord, (record) => {
        const line = recordToLine(record);
        expect(line.indexOf('\n')).toBe(line.length - 1);
        expect(lineToRecord(withoutEnd(line))).toEqual(record);
        expect(() => JSON.parse(line)).not.toThrow();
      }),
      { numRuns: 300 },
    );
  });

  it('holds plain documents as canonical Extended JSON alone', () => {
    const document = buildDocument([
      ['_id', int32(1)],
      ['text', string('line\n"quoted" \\ end\\')],
      ['long', int64(2n ** 60n)],
      ['double', double(1)],
    ]);
    const line = recordToLine({ ...sampleRecord(1), document, update: null, before: null });
    expect(line).not.toContain('documentBson');
    expect(JSON.parse(line)).toMatchObject({
      sequence: 1,
      clusterTime: '1790000000:1',
      documentKey: { _id: { $numberInt: '1' } },
      document: {
        _id: { $numberInt: '1' },
        text: 'line\n"quoted" \\ end\\',
        long: { $numberLong: '1152921504606846976' },
        double: { $numberDouble: '1.0' },
      },
      update: null,
    });
    expect(lineToRecord(withoutEnd(line)).document).toEqual(document);
  });

  it('lets the bytes stand beside a text that would not give them back, and win', () => {
    const document = buildDocument([
      ['_id', int32(1)],
      ['a', int32(1)],
      ['a', int32(2)],
      ['text', string(Buffer.from([0x61, 0xff]))],
    ]);
    const line = recordToLine({ ...sampleRecord(1), document });
    expect(JSON.parse(line).documentBson).toBe(document.toString('base64'));
    expect(lineToRecord(withoutEnd(line)).document).toEqual(document);
    const changed = line.replace(
      /"document":(null|\{.*\}),"documentBson"/,
      '"document":{"wrong":true},"documentBson"',
    );
    expect(changed).not.toBe(line);
    expect(lineToRecord(withoutEnd(changed)).document).toEqual(document);
  });

  it('is refused where a member is missing, unknown, or not what it should be', () => {
    const line = withoutEnd(recordToLine({ ...sampleRecord(4), operation: 'update' }));
    const members = [...jsonMembers(line).keys()];
    for (const name of members) {
      const rest = [...jsonMembers(line)].filter(([other]) => other !== name);
      const without = `{${rest.map(([other, text]) => `"${other}":${text}`).join()}}`;
      expect(() => lineToRecord(without), name).toThrow(RangeError);
      const wrong = `${without.slice(0, -1)},"${name}":[1]}`;
      expect(() => lineToRecord(wrong), name).toThrow(RangeError);
    }
    expect(() => lineToRecord(line.replace('"sequence"', '"later":1,"sequence"'))).toThrow(UnknownFeature);
    expect(() => lineToRecord(line.replace('"update"', '"upsert"'))).toThrow(RangeError);
    expect(() => lineToRecord(`${line} `)).toThrow(RangeError);
    for (let end = 0; end < line.length; end += 7) {
      expect(() => lineToRecord(line.slice(0, end))).toThrow(RangeError);
    }
  });
});
