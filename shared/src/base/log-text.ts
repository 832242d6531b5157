/** Makes log lines for people out of pino's JSON: `12:34:56 WARN:  message  name=value …`. */
import { createRequire } from 'node:module';
import type { prettyFactory as PrettyFactory } from 'pino-pretty';
import { printable } from './printable.ts';

type Fields = Readonly<Record<string, unknown>>;

/** The width of the longest level: messages begin in one column. */
const LEVEL_WIDTH = 'error'.length;

/** Loads pino-pretty with the first line, because many commands log nothing. */
export function textLines(colors: boolean): (line: string) => string {
  let pretty: ((fields: object) => string) | undefined;
  return (line) => {
    const fields = JSON.parse(line) as Fields;
    pretty ??= prettyPrinter(colors);
    return `${pretty(fields).trimEnd()}${stacks(fields)}\n`;
  };
}

function prettyPrinter(colorize: boolean): (fields: object) => string {
  const { prettyFactory } = createRequire(import.meta.url)('pino-pretty') as {
    readonly prettyFactory: typeof PrettyFactory;
  };
  return prettyFactory({
    colorize,
    messageKey: 'message',
    // The message has the fields already, as name=value.
    hideObject: true,
    translateTime: false,
    customPrettifiers: { time: (time) => String(time).slice(11, 19) },
    messageFormat: ({ time, level, message, ...fields }, _key, _label, { colors }) => {
      const indent = ' '.repeat(LEVEL_WIDTH - String(level).length);
      const pairs = printable(Object.entries(fields).map(pair).join(' '));
      return `${indent}${printable(String(message))}${pairs && `  ${colors.gray(pairs)}`}`;
    },
  });
}

function pair([name, value]: readonly [string, unknown]): string {
  if (!isErrorDescription(value)) return `${name}=${formatValue(value)}`;
  return `${name}=${formatValue(`${value.code ?? value.name}: ${value.message}`)}`;
}

/**
 * Stacks of errors. They are indented, so that none of their lines can pass for a line of the log.
 */
function stacks(fields: Fields): string {
  return Object.values(fields)
    .filter(isErrorDescription)
    .flatMap(({ stack }) => (stack ? stack.split('\n') : []))
    .map((line) => `\n    ${printable(line.trim())}`)
    .join('');
}

function isErrorDescription(value: unknown): value is Record<string, string> {
  return (
    typeof value === 'object' && value !== null && 'message' in value && ('code' in value || 'stack' in value)
  );
}

function formatValue(value: unknown): string {
  if (typeof value === 'string') return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
  return JSON.stringify(value);
}
