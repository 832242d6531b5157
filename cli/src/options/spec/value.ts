/** How the text or YAML value that somebody gave becomes a typed one. */
import { AS_STARTED, formatRateLimit, RATE_FORM, readRateLimit } from '@waybill/load/rate/limit';
import type { Secret } from '@waybill/shared/base/secret';
import type { OptionSpec, OptionValue } from './option.ts';

/** A value of the wrong form; `expected` completes "is not …". */
export class ValueError extends Error {
  readonly expected: string;
  constructor(expected: string) {
    super(`is not ${expected}`);
    this.expected = expected;
  }
}

/** Parses everything but connections, which need the environment and files. Throws ValueError. */
export function parseValue(spec: OptionSpec, raw: unknown): Exclude<OptionValue, Secret> {
  switch (spec.type) {
    case 'boolean':
      return parseBoolean(raw);
    case 'list':
      return parseList(raw);
    case 'integer':
      return within(spec, parseInteger(raw), 'a whole number', String);
    case 'limit':
      if (raw === 'unlimited') return Number.POSITIVE_INFINITY;
      return within(spec, parseInteger(raw), 'unlimited or a whole number', String);
    case 'size':
      return within(spec, parseSize(raw), SIZE_FORM, (bytes) => `${bytes} bytes`);
    case 'duration':
      return within(spec, parseDuration(raw), DURATION_FORM, (ms) => `${ms}ms`);
    case 'rate':
      return parseRate(raw);
    case 'enum':
      return parseChoice(spec.choices ?? [], raw);
    default:
      return parseText(raw);
  }
}

function parseText(raw: unknown): string {
  if (typeof raw === 'number') return String(raw);
  if (typeof raw !== 'string' || raw === '') throw new ValueError('a text');
  return raw;
}

export function parseBoolean(raw: unknown): boolean {
  if (raw === true || raw === 'true' || raw === 'yes' || raw === '1') return true;
  if (raw === false || raw === 'false' || raw === 'no' || raw === '0') return false;
  throw new ValueError('true or false');
}

/** Commas divide a text; the items of a YAML list are taken as they stand. */
function parseList(raw: unknown): readonly string[] {
  if (typeof raw === 'string') {
    const items = raw.split(',').map((item) => item.trim());
    if (!items.includes('')) return items;
  } else if (Array.isArray(raw) && raw.every((item) => typeof item === 'string' && item !== '')) {
    return raw as string[];
  }
  throw new ValueError('a list such as shop.orders,shop.customers');
}

function parseChoice(choices: readonly string[], raw: unknown): string {
  const text = raw === null ? 'null' : raw;
  if (typeof text === 'string' && choices.includes(text)) return text;
  throw new ValueError(`one of ${choices.join(', ')}`);
}

function parseInteger(raw: unknown): number | undefined {
  if (typeof raw === 'number') return Number.isSafeInteger(raw) ? raw : undefined;
  if (typeof raw !== 'string' || !/^-?\d{1,15}$/.test(raw.trim())) return undefined;
  return Number(raw);
}

const SIZE_FORM = 'a size such as 8MiB, 64MB or 65536';
const SIZE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

function parseSize(raw: unknown): number | undefined {
  return parseWithUnit(raw, SIZE_UNITS);
}

const DURATION_FORM = 'a duration such as 500ms, 30s, 5m or 2h';
const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

function parseDuration(raw: unknown): number | undefined {
  return raw === 0 || raw === '0' ? 0 : parseWithUnit(raw, DURATION_UNITS);
}

/** Whole units only: half a byte or half a millisecond is a slip. */
function parseWithUnit(raw: unknown, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^(\d{1,15}(?:\.\d{1,6})?)\s*([a-z]*)$/i.exec(String(raw).trim());
  const unit = match && units[(match[2] as string).toLowerCase()];
  if (!unit) return undefined;
  const value = Number(match[1]) * unit;
  return Number.isSafeInteger(value) ? value : undefined;
}

/** The word `default` is the command's to refuse or to understand. */
function parseRate(raw: unknown): string {
  if (raw === AS_STARTED) return AS_STARTED;
  const limit = readRateLimit(String(raw));
  if (!limit) throw new ValueError(RATE_FORM);
  return formatRateLimit(limit);
}

function within(
  spec: OptionSpec,
  value: number | undefined,
  form: string,
  show: (value: number) => string,
): number {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = spec;
  if (value === undefined) throw new ValueError(form);
  if (value < min) throw new ValueError(`${form}, at least ${show(min)}`);
  if (value > max) throw new ValueError(`${form}, at most ${show(max)}`);
  return value;
}

/** A default as somebody would write it. */
export function formatDefault({ type, default: value }: OptionSpec): string | undefined {
  if (typeof value !== 'number' || value === 0) return value?.toString();
  if (type === 'size') return inLargestUnit(value, { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 }, '');
  if (type === 'duration')
    return inLargestUnit(value, { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }, 'ms');
  return String(value);
}

function inLargestUnit(value: number, units: Readonly<Record<string, number>>, smallest: string): string {
  const [unit, size] = Object.entries(units).findLast(([, each]) => value % each === 0) ?? [smallest, 1];
  return `${value / size}${unit}`;
}
