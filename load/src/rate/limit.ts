/** The most that an operator lets a load write in a second, and how it is written. Pure. */
import { WaybillError } from '@waybill/shared/base/errors';

export interface RateLimit {
  /** Documents written or deleted in a second; null: no limit. */
  readonly documents: number | null;
  /** Bytes of documents and statements in a second; null: no limit. */
  readonly bytes: number | null;
}

export const NO_LIMIT: RateLimit = { documents: null, bytes: null };
export const RATE_FORM = 'a rate such as 5000/s (documents), 20MiB/s, both as 5000/s,20MiB/s, or none';

const UNITS: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
};
const LARGEST = 1e12;

/** Leaves it to the start of the load. */
export const AS_STARTED = 'default';

/** Null where the text leaves it to the start of the load. @throws CONFIG_INVALID */
export function parseRateLimit(text: string | null): RateLimit | null {
  if (text === null || text === AS_STARTED) return null;
  const limit = readRateLimit(text);
  if (limit) return limit;
  throw new WaybillError('CONFIG_INVALID', `${JSON.stringify(text)} is not ${RATE_FORM}`);
}

/** Undefined where the text is no rate. A number without a unit counts documents. */
export function readRateLimit(text: string): RateLimit | undefined {
  if (text.trim().toLowerCase() === 'none') return NO_LIMIT;
  let limit = NO_LIMIT;
  for (const part of text.split(',')) {
    const match = /^(\d{1,13}(?:\.\d{1,6})?)\s*([a-z]*)(?:\/s)?$/i.exec(part.trim());
    if (!match) return undefined;
    const unit = match[2]!.toLowerCase();
    const name = unit === '' ? 'documents' : 'bytes';
    const value = Number(match[1]) * (unit === '' ? 1 : (UNITS[unit] ?? Number.NaN));
    if (!(value >= 1 && value <= LARGEST) || limit[name] !== null) return undefined;
    limit = { ...limit, [name]: value };
  }
  return limit;
}

/** As {@link readRateLimit} takes it. */
export function formatRateLimit({ documents, bytes }: RateLimit): string {
  const parts: string[] = [];
  if (documents !== null) parts.push(`${documents}/s`);
  if (bytes !== null) parts.push(`${inLargestUnit(bytes)}/s`);
  return parts.length === 0 ? 'none' : parts.join(',');
}

function inLargestUnit(bytes: number): string {
  const [unit, size] = Object.entries({ B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 }).findLast(
    ([, each]) => bytes % each === 0,
  ) ?? ['B', 1];
  return `${bytes / size}${unit}`;
}
