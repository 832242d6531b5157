/**
 * IEEE 754-2008 decimal128 in its binary integer encoding, as BSON stores it. This file reads it
 * exactly, with bigints. Bit 127 is the sign. Bits 126-113 are the exponent plus 6176, and bits
 * 112-0 are the coefficient. If bits 126-125 are both set, the value is infinite (11110), not a
 * number (11111), or has a coefficient beyond 34 digits. Such a coefficient counts as zero.
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

const DIGITS = 34;
const MIN_EXPONENT = -BIAS;
const MAX_EXPONENT = 6111;

/**
 * Formats the value as General Decimal Arithmetic's to-scientific-string does. Its text preserves
 * both the coefficient and the exponent.
 */
export function formatDecimal128(value: Decimal): string {
  if (value.kind === 'nan') return 'NaN';
  const sign = value.negative ? '-' : '';
  if (value.kind === 'infinity') return `${sign}Infinity`;
  const digits = String(value.coefficient);
  const { exponent } = value;
  const adjusted = exponent + digits.length - 1;
  if (exponent > 0 || adjusted < -6) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : '';
    return `${sign}${digits[0]}${fraction}E${adjusted < 0 ? '' : '+'}${adjusted}`;
  }
  if (exponent === 0) return sign + digits;
  const padded = digits.padStart(1 - exponent, '0');
  return `${sign}${padded.slice(0, exponent)}.${padded.slice(exponent)}`;
}

const NUMBER = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,6}))?$/;
/** Longer than any decimal written out in full (6145 digits before the point, 6176 after it). */
const MAX_TEXT = 13_000;

/**
 * The inverse of {@link formatDecimal128}. Returns undefined if the text is not a decimal, or if
 * the value would have to be rounded.
 */
export function parseDecimal128(text: string): Decimal | undefined {
  if (/^[+-]?nan$/i.test(text)) return { kind: 'nan' };
  const infinite = /^([+-]?)inf(inity)?$/i.exec(text);
  if (infinite) return { kind: 'infinity', negative: infinite[1] === '-' };
  const match = text.length > MAX_TEXT ? null : NUMBER.exec(text);
  if (!match) return undefined;
  const [, sign, whole = '', fraction = '', power = '0'] = match;
  if (whole.length + fraction.length === 0) return undefined;
  return fit(sign === '-', (whole + fraction).replace(/^0+/, ''), Number(power) - fraction.length);
}

/** Moves zeros between coefficient and exponent until both are in range. */
function fit(negative: boolean, digits: string, power: number): Decimal | undefined {
  if (digits === '') {
    const exponent = Math.min(Math.max(power, MIN_EXPONENT), MAX_EXPONENT);
    return { kind: 'finite', negative, coefficient: 0n, exponent };
  }
  const surplus = Math.max(digits.length - DIGITS, MIN_EXPONENT - power, 0);
  if (surplus > 0) {
    if (surplus >= digits.length || !/^0+$/.test(digits.slice(-surplus))) return undefined;
    return fit(negative, digits.slice(0, -surplus), power + surplus);
  }
  const missing = Math.max(power - MAX_EXPONENT, 0);
  if (digits.length + missing > DIGITS) return undefined;
  const coefficient = BigInt(digits + '0'.repeat(missing));
  return { kind: 'finite', negative, coefficient, exponent: power - missing };
}
