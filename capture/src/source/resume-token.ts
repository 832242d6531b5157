import { type ClusterTime, clusterTime } from '@waybill/shared/base/position';

/** The type byte of a timestamp in the key string that a token's hex spells. */
const TIMESTAMP_TYPE = '82';
/** Size, element type, `_data` with its zero, length of the string. */
const HEX_OFFSET = 4 + 1 + 6 + 4;

/**
 * The cluster time in front of a resume token; null if the token has not the form that every server
 * since 4.0 makes. Tokens stay opaque otherwise, and are never compared.
 *
 * A stream without events tells in no other way how far it has looked: the operationTime of a reply
 * may be newer than what the cursor has scanned.
 */
export function resumeTokenTime(token: Uint8Array): ClusterTime | null {
  const bytes = Buffer.from(token.buffer, token.byteOffset, token.byteLength);
  if (bytes.length < HEX_OFFSET + 18 || bytes[4] !== 2 || bytes.toString('latin1', 5, 11) !== '_data\0')
    return null;
  const hex = bytes.toString('latin1', HEX_OFFSET, HEX_OFFSET + 18);
  if (!hex.startsWith(TIMESTAMP_TYPE) || !/^[0-9A-Fa-f]{18}$/.test(hex)) return null;
  return clusterTime(Number.parseInt(hex.slice(2, 10), 16), Number.parseInt(hex.slice(10, 18), 16));
}
