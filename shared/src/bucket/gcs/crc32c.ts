/**
 * CRC-32C, the checksum that Google Cloud Storage keeps of every object. Eight bytes a step, by
 * tables: about ten times as fast as the SDK's own, which goes byte by byte through an iterator.
 * Rejected: MD5, which a FIPS build of Node refuses.
 */
const POLYNOMIAL = 0x82f63b78;
const STEP = 8;

/** `TABLES[n][byte]`: what a byte adds with `n` bytes after it. One flat array, row after row. */
const TABLES = tables();

function tables(): Int32Array {
  const all = new Int32Array(STEP * 256);
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
    all[byte] = value;
  }
  for (let at = 256; at < all.length; at++) {
    const before = all[at - 256] ?? 0;
    all[at] = (before >>> 8) ^ (all[before & 255] ?? 0);
  }
  return all;
}

const [T0, T1, T2, T3, T4, T5, T6, T7] = Array.from({ length: STEP }, (_, n) =>
  TABLES.subarray(n * 256, (n + 1) * 256),
) as [Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array];

export class Crc32c {
  #value = 0;

  /** Bytes may come in any pieces. */
  update(bytes: Uint8Array): this {
    // The indices are within the arrays by construction; a check for each byte would cost half the
    // speed.
    const b = bytes as Uint8Array & Record<number, number>;
    let crc = ~this.#value;
    let i = 0;
    for (const whole = b.length - (b.length % STEP); i < whole; i += STEP) {
      crc ^= b[i]! | (b[i + 1]! << 8) | (b[i + 2]! << 16) | (b[i + 3]! << 24);
      crc =
        T7[crc & 255]! ^
        T6[(crc >>> 8) & 255]! ^
        T5[(crc >>> 16) & 255]! ^
        T4[crc >>> 24]! ^
        T3[b[i + 4]!]! ^
        T2[b[i + 5]!]! ^
        T1[b[i + 6]!]! ^
        T0[b[i + 7]!]!;
    }
    for (; i < b.length; i++) crc = T0[(crc ^ b[i]!) & 255]! ^ (crc >>> 8);
    this.#value = ~crc;
    return this;
  }

  /** As Google Cloud Storage writes it: base64 of the four bytes, the highest first. */
  toString(): string {
    const four = Buffer.alloc(4);
    four.writeInt32BE(this.#value);
    return four.toString('base64');
  }
}
