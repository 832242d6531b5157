import { WaybillError } from '../base/errors.ts';

/** Undefined for a good key, otherwise what is wrong with it. */
export function keyFault(key: string): string | undefined {
  if (key === '') return 'it is empty';
  if (!key.isWellFormed() || key.includes('\0')) return 'it is not plain text';
  for (const part of key.split('/')) {
    if (part === '' || part === '.' || part === '..') return 'it has an empty, `.` or `..` part';
  }
  return undefined;
}

/** No stream's name begins with a dot. */
export const PROBE_PREFIX = '.waybill-probe-';

/** A key for messages: what a probe calls its objects tells nobody anything. */
export function shownKey(key: string): string {
  if (key === '') return 'its objects';
  return key.startsWith(PROBE_PREFIX) ? 'a test object' : key;
}

/** @throws BUCKET_KEY_INVALID */
export function assertKey(key: string): void {
  const fault = keyFault(key);
  if (fault) throw keyInvalid(key, fault);
}

/** A prefix is the beginning of a key: only its last part may be unfinished. */
export function assertPrefix(prefix: string): void {
  const whole = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  if (whole !== '') assertKey(whole.slice(0, -1));
  if (!prefix.isWellFormed() || prefix.includes('\0')) throw keyInvalid(prefix, 'it is not plain text');
}

export function keyInvalid(key: string, fault: string, cause?: unknown): WaybillError {
  return new WaybillError(
    'BUCKET_KEY_INVALID',
    `${JSON.stringify(key)} cannot be an object's key: ${fault}`,
    {
      cause,
      context: { key },
    },
  );
}

/** The order of keys' UTF-8 bytes. JavaScript's own order differs beyond U+FFFF. */
export function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
