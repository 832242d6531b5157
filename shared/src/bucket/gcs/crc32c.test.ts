import { randomBytes } from 'node:crypto';
import { CRC32C } from '@google-cloud/storage';
import { describe, expect, test } from 'vitest';
import { Crc32c } from './crc32c.ts';

describe('CRC-32C', () => {
  test('of the standard text', () => {
    expect(new Crc32c().update(Buffer.from('123456789')).toString()).toBe(
      Buffer.from('e3069283', 'hex').toString('base64'),
    );
  });

  test('as the SDK has it, for every length and in any pieces', () => {
    const bytes = randomBytes(2000);
    for (let length = 0; length < 70; length++) {
      expect(new Crc32c().update(bytes.subarray(0, length)).toString()).toBe(sdk(bytes.subarray(0, length)));
    }
    for (const step of [1, 3, 7, 8, 9, 64, 1999]) {
      const inPieces = new Crc32c();
      for (let at = 0; at < bytes.length; at += step) inPieces.update(bytes.subarray(at, at + step));
      expect(inPieces.toString()).toBe(sdk(bytes));
    }
  });
});

function sdk(bytes: Buffer): string {
  const crc32c = new CRC32C();
  crc32c.update(bytes);
  return crc32c.toString();
}
