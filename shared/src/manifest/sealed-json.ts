/**
 * JSON files that prove that they are whole. The last field of the object is `checksum`: the
 * SHA-256, in hex, of all bytes of the file before the comma in front of that field. The file is
 * one line, with a newline at the end. So a reader finds a single damaged file without its
 * successor in the chain, and anybody can check it with a text tool and sha256sum.
 *
 * The rule is the same in every format version. So a reader can tell an intact file of a newer
 * version from a damaged one.
 */
import { createHash } from 'node:crypto';

const TAIL_BYTES = ',"checksum":""}\n'.length + 64;

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The object must have at least one field. */
export function sealJson(value: object): Buffer {
  const text = JSON.stringify(value);
  const body = Buffer.from(text.slice(0, -1));
  return Buffer.concat([body, Buffer.from(`,"checksum":"${sha256(body)}"}\n`)]);
}

/** Returns the object without its checksum, or what is wrong with the bytes. */
export function unsealJson(
  bytes: Uint8Array,
): { readonly value: Record<string, unknown> } | { readonly fault: string } {
  if (bytes.length === 0) return { fault: 'it is empty' };
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const body = buffer.subarray(0, Math.max(0, buffer.length - TAIL_BYTES));
  const tail = /^,"checksum":"([0-9a-f]{64})"\}\n$/.exec(buffer.subarray(body.length).toString('latin1'));
  if (!tail) return { fault: 'it does not end in a checksum: truncated, or not written by Waybill' };
  if (sha256(body) !== tail[1]) return { fault: 'its checksum does not fit its bytes' };
  try {
    const value: unknown = JSON.parse(`${new TextDecoder('utf-8', { fatal: true }).decode(body)}}`);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return { value: value as Record<string, unknown> };
    }
  } catch {
    // Falls through: the parser's message would quote the file.
  }
  return { fault: 'it is not a JSON object' };
}
