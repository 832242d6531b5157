import { clusterTime } from '@waybill/shared/base/position';
import { describe, expect, it } from 'vitest';
import { resumeTokenTime } from './resume-token.ts';

function token(data: string): Buffer {
  const text = Buffer.from(data);
  const head = Buffer.from([0, 0, 0, 0, 2, ...Buffer.from('_data\0'), 0, 0, 0, 0]);
  const bytes = Buffer.concat([head, text, Buffer.from([0, 0])]);
  bytes.writeInt32LE(bytes.length, 0);
  bytes.writeInt32LE(text.length + 1, 11);
  return bytes;
}

describe('resumeTokenTime', () => {
  it('reads the time of tokens as 4.0 and 8.2 make them', () => {
    expect(resumeTokenTime(token('826B01123E000000022B0229296E04'))).toBe(clusterTime(0x6b01123e, 2));
    expect(resumeTokenTime(token('826B01120F000000262B0429296E1404'))).toBe(clusterTime(0x6b01120f, 0x26));
  });

  it('reads a token that is a slice of a larger buffer', () => {
    const whole = Buffer.concat([Buffer.from('before'), token('82000000010000000200')]);
    expect(resumeTokenTime(whole.subarray(6))).toBe(clusterTime(1, 2));
  });

  it.each(['', '8200', '646B01120F000000262B04', '82zzzzzzzz000000262B04'])('tells nothing of %j', (data) => {
    expect(resumeTokenTime(token(data))).toBeNull();
  });
});
