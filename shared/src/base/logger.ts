/**
 * Logging: one line per commit or batch at debug, one per milestone or change of state at info. The
 * message is a stable lower-case phrase; the data is in fields. The format is text for people or
 * JSON for machines. Both go to stderr, because stdout is for results.
 */
import { destination, type Logger as PinoLogger, pino, stdTimeFunctions } from 'pino';
import { WaybillError } from './errors.ts';
import { textLines } from './log-text.ts';
import { printableLines } from './printable.ts';
import { redact, Secret } from './secret.ts';

const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /**
   * Writes at most one line per message in 30 s. The next line says how many were left out. For
   * warnings inside loops.
   */
  warnThrottled(message: string, fields?: LogFields): void;
  /** The child adds these fields to every line: component, stream, load, lane, epoch and so on. */
  child(fields: LogFields): Logger;
  isDebug(): boolean;
}

/** Takes whole lines, each with its line feed. */
export interface LogDestination {
  write(line: string): unknown;
}

export interface LoggerOptions {
  readonly level?: LogLevel | undefined;
  readonly format?: 'json' | 'text' | undefined;
  /** Default: stderr, written synchronously so that a crash loses no line. */
  readonly destination?: LogDestination | undefined;
  /** Colours in the text format; default: stderr is a terminal and NO_COLOR is not set. */
  readonly colors?: boolean | undefined;
}

const THROTTLE_MS = 30_000;
/** Bounds the memory of throttling, if a caller puts data into messages. */
const THROTTLED_MESSAGES = 1000;

export function createLogger(options: LoggerOptions = {}): Logger {
  const { level = 'info', format = 'text' } = options;
  const sink = options.destination ?? destination({ fd: 2, sync: true });
  const colors = options.colors ?? (process.stderr.isTTY === true && !process.env.NO_COLOR);
  const formatted = format === 'json' ? printableLines : textLines(colors);
  const logger = pino(
    {
      level,
      base: null,
      serializers: { err: (value: unknown) => value },
      messageKey: 'message',
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line: string) => void sink.write(formatted(line)) },
  );
  return new FieldLogger(logger, {}, new Map());
}

/** A logger that drops everything. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  warnThrottled: () => undefined,
  child: () => silentLogger,
  isDebug: () => false,
};

interface Throttle {
  until: number;
  suppressed: number;
}

class FieldLogger implements Logger {
  readonly #pino: PinoLogger;
  /**
   * Fields of every line. They are not given to pino's own children: those write a name twice if a
   * child or a line has it again.
   */
  readonly #fields: Record<string, unknown>;
  readonly #throttles: Map<string, Throttle>;

  constructor(logger: PinoLogger, fields: Record<string, unknown>, throttles: Map<string, Throttle>) {
    this.#pino = logger;
    this.#fields = fields;
    this.#throttles = throttles;
  }

  debug(message: string, fields?: LogFields): void {
    if (this.isDebug()) this.#pino.debug(this.#with(fields), message);
  }

  info(message: string, fields?: LogFields): void {
    this.#pino.info(this.#with(fields), message);
  }

  warn(message: string, fields?: LogFields): void {
    this.#pino.warn(this.#with(fields), message);
  }

  error(message: string, fields?: LogFields): void {
    this.#pino.error(this.#with(fields), message);
  }

  warnThrottled(message: string, fields?: LogFields): void {
    const now = performance.now();
    const known = this.#throttles.get(message);
    if (known && now < known.until) {
      known.suppressed++;
      return;
    }
    if (this.#throttles.size >= THROTTLED_MESSAGES) this.#throttles.clear();
    this.#throttles.set(message, { until: now + THROTTLE_MS, suppressed: 0 });
    this.warn(message, known?.suppressed ? { ...fields, suppressed: known.suppressed } : fields);
  }

  child(fields: LogFields): Logger {
    return new FieldLogger(this.#pino, this.#with(fields), this.#throttles);
  }

  isDebug(): boolean {
    return this.#pino.isLevelEnabled('debug');
  }

  #with(fields: LogFields | undefined): Record<string, unknown> {
    return { ...this.#fields, ...presentable(fields) };
  }
}

/** Every line has its own fields of these names. */
const OF_THE_LINE: ReadonlySet<string> = new Set(['level', 'time', 'message']);

function presentable(fields: LogFields | undefined): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const name in fields) {
    result[OF_THE_LINE.has(name) ? `${name}_` : name] = presentableValue(fields[name], 0);
  }
  return result;
}

/** Bytes may be a document or a token, so only their number is shown. */
function presentableValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return redact(value);
  if (typeof value === 'number') return Number.isInteger(value) ? value : Math.round(value * 1000) / 1000;
  // A number stays a number, unless JSON would not give it back exactly.
  if (typeof value === 'bigint')
    return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Secret) return value.toString();
  if (value instanceof Error) return describeError(value);
  if (value instanceof Uint8Array) return `<${value.byteLength} bytes>`;
  if (value instanceof Date) return value.toISOString();
  if (depth > 3) return '…';
  if (Array.isArray(value)) return value.map((each) => presentableValue(each, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [name, presentableValue(each, depth + 1)]),
  );
}

/**
 * Returns the code, message and cause. Only an error that is not one of ours also gets its stack:
 * it is a defect to find.
 */
export function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: redact(String(error)) };
  const cause = error.cause instanceof Error ? { cause: redact(error.cause.message) } : {};
  if (error instanceof WaybillError) {
    return {
      code: error.code,
      message: redact(error.message),
      ...(Object.keys(error.context).length > 0 ? { context: presentable(error.context) } : {}),
      ...(error.hint ? { hint: redact(error.hint) } : {}),
      ...cause,
    };
  }
  return { name: error.name, message: redact(error.message), ...cause, stack: redact(error.stack ?? '') };
}
