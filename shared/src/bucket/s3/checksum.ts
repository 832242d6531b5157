import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Dialect } from './dialect.ts';

/** The parameters of a put or a part that let the store refuse damaged bytes. */
export function bodyChecksum(body: Uint8Array, { checksum }: Dialect): BodyChecksum {
  if (checksum === 'crc32') return { ChecksumCRC32: crc32Base64(crc32(body)) };
  return { ContentMD5: createHash('md5').update(body).digest('base64') };
}

type BodyChecksum = { readonly ChecksumCRC32: string } | { readonly ContentMD5: string };

export function crc32Base64(value: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes.toString('base64');
}
