import { describe, expect, it } from 'vitest';
import { decodeHeader, encodeHeader, SEGMENT_VERSION } from './container.ts';
import { RECORD_SCHEMA_TEXT } from './schema.ts';
import { writeLong } from './varint.ts';

const SYNC = Buffer.from('0123456789abcdef');

const long = (value: number): Buffer => {
  const bytes = Buffer.alloc(10);
  return bytes.subarray(0, writeLong(bytes, 0, value));
};
const prefixed = (text: string): Buffer => Buffer.concat([long(Buffer.byteLength(text)), Buffer.from(text)]);
const MAGIC = Buffer.from('Obj\x01', 'latin1');

describe('the header of an Avro file', () => {
  it('is laid as the specification has it', () => {
    const entries = [
      ['avro.schema', RECORD_SCHEMA_TEXT],
      ['avro.codec', 'zstandard'],
      ['waybill.version', SEGMENT_VERSION],
    ];
    const expected = [MAGIC, long(3), ...entries.flat().map(prefixed), long(0), SYNC];
    expect(encodeHeader('zstandard', SYNC)).toEqual(Buffer.concat(expected));
  });

  it('is read where its map comes in several blocks, some with their size', () => {
    const sized = Buffer.concat([prefixed('avro.codec'), prefixed('deflate')]);
    const other = Buffer.concat([prefixed('avro.schema'), prefixed('"long"')]);
    const file = [
      MAGIC,
      long(-1),
      long(sized.length),
      sized,
      long(1),
      other,
      long(0),
      SYNC,
      Buffer.from('x'),
    ];
    const bytes = Buffer.concat(file);
    expect(decodeHeader(bytes)).toEqual({
      schema: '"long"',
      codec: 'deflate',
      version: undefined,
      sync: SYNC,
      bytes: bytes.length - 1,
    });
  });

  it.each([
    ['cut short', encodeHeader('null', SYNC).subarray(0, -1)],
    ['of another kind', Buffer.from('PAR1 and more')],
    ['that claims entries without end', Buffer.concat([MAGIC, long(2 ** 50), prefixed('a'), prefixed('b')])],
    ['with a length without end', Buffer.concat([MAGIC, long(1), long(2 ** 50)])],
    ['with a negative length', Buffer.concat([MAGIC, long(1), long(-5), SYNC, SYNC])],
  ])('%s is refused', (_name, bytes) => {
    expect(() => decodeHeader(bytes)).toThrow(RangeError);
  });
});
