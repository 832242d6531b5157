/**
 * IEEE 754-2008 decimal128 in its binary integer encoding, as BSON stores it. Read here with bigints, exactly.
 * Bit 127 is the sign. Bits 126-113 are the exponent plus 6176 and bits 112-0 the coefficient, unless bits 126-125 are
 * both set: then it is infinite (11110), not a number (11111), or has a coefficient beyond 34 digits, which is a zero.
 */
export type Decimal =
  | { readonly kind: 'nan' }
  | { readonly kind: 'infinity'; readonly negative: boolean }
  | {
      readonly kind: 'finite';
      readonly negative: boolean;
      readonly coefficient: bigint;
      readonly exponent: number;
    };

const BIAS = 6176;
const MAX_COEFFICIENT = 10n ** 34n - 1n;

/** `bytes`: the 16 bytes of the BSON value. */
export function decodeDecimal128(bytes: Uint8Array): Decimal {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
  const low = view.getBigUint64(0, true);
  const high = view.getBigUint64(8, true);
  const top = view.getUint32(12, true);
  const negative = top >>> 31 === 1;
  const combination = (top >>> 26) & 0x1f;
  if (combination === 0x1f) return { kind: 'nan' };
  if (combination === 0x1e) return { kind: 'infinity', negative };
  if (combination >>> 3 === 3) {
    return { kind: 'finite', negative, coefficient: 0n, exponent: ((top >>> 15) & 0x3fff) - BIAS };
  }
  const coefficient = ((high & 0x1_ffff_ffff_ffffn) << 64n) | low;
  return {
    kind: 'finite',
    negative,
    coefficient: coefficient > MAX_COEFFICIENT ? 0n : coefficient,
    exponent: ((top >>> 17) & 0x3fff) - BIAS,
  };
}

export function encodeDecimal128(value: Decimal): Buffer {
  const bytes = Buffer.alloc(16);
  let high: bigint;
  if (value.kind === 'nan') high = 0x7c00_0000_0000_0000n;
  else if (value.kind === 'infinity') high = 0x7800_0000_0000_0000n;
  else {
    high = (BigInt(value.exponent + BIAS) << 49n) | (value.coefficient >> 64n);
    bytes.writeBigUInt64LE(value.coefficient & 0xffff_ffff_ffff_ffffn, 0);
  }
  if (value.kind !== 'nan' && value.negative) high |= 1n << 63n;
  bytes.writeBigUInt64LE(high, 8);
  return bytes;
}
