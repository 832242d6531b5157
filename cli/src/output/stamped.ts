/**
 * The beginning of every JSON of a command. It tells scripts what they read and when it was made.
 */

/** Goes up when a field changes its meaning or goes away; new fields alone do not count. */
const SCHEMA_VERSION = 1;

export interface Stamp {
  readonly schemaVersion: number;
  readonly time: string;
}

export function stamped(value: unknown): unknown {
  const stamp: Stamp = { schemaVersion: SCHEMA_VERSION, time: new Date().toISOString() };
  if (Array.isArray(value)) return value.map((each: object) => ({ ...stamp, ...each }));
  return { ...stamp, ...(value as object) };
}

/**
 * For JSON.stringify: gives a form to values that JSON has none for. Numbers stay numbers wherever
 * they are exact.
 */
export function jsonValue(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint')
    return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  return value instanceof Map ? Object.fromEntries(value) : value;
}
