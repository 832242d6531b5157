import { anyRecord, avscRecord, fromAvsc, toAvsc } from '@waybill/test/support/segment/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RecordReader, recordBytes, writeRecord } from './record.ts';
import { LongReader } from './varint.ts';

const encode = (record: Parameters<typeof writeRecord>[2]): Buffer => {
  const namespace = Buffer.from(record.namespace, 'utf8');
  const target = Buffer.alloc(recordBytes(record, namespace));
  return target.subarray(0, writeRecord(target, 0, record, namespace));
};

describe('a record in Avro', () => {
  it('is laid as avsc lays it', () => {
    fc.assert(
      fc.property(anyRecord, (record) => {
        expect(encode(record).equals(avscRecord.toBuffer(toAvsc(record)))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('is read by avsc as it was', () => {
    fc.assert(
      fc.property(anyRecord, (record) => {
        expect(fromAvsc(avscRecord.fromBuffer(encode(record)))).toEqual(record);
      }),
      { numRuns: 300 },
    );
  });

  it('laid by avsc, is read as it was', () => {
    fc.assert(
      fc.property(fc.array(anyRecord, { maxLength: 4 }), (records) => {
        const bytes = Buffer.concat(records.map((record) => avscRecord.toBuffer(toAvsc(record))));
        const from = new LongReader(bytes);
        const reader = new RecordReader();
        expect(records.map(() => reader.read(from))).toEqual(records);
        expect(from.offset).toBe(bytes.length);
      }),
      { numRuns: 300 },
    );
  });

  it('cut short anywhere, is refused', () => {
    fc.assert(
      fc.property(anyRecord, fc.nat(), (record, position) => {
        const bytes = encode(record);
        const from = new LongReader(bytes.subarray(0, position % bytes.length));
        expect(() => new RecordReader().read(from)).toThrow(RangeError);
      }),
    );
  });
});
