import { inspect } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { WaybillError } from './errors.ts';
import { createLogger, type LoggerOptions } from './logger.ts';
import { redact, Secret } from './secret.ts';

function capture(options: LoggerOptions = {}) {
  const lines: string[] = [];
  const logger = createLogger({
    colors: false,
    ...options,
    destination: { write: (line) => lines.push(line) },
  });
  return { lines, logger, json: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

describe('createLogger', () => {
  it('writes one JSON object a line, with the fields of all parents', () => {
    const { logger, json } = capture({ format: 'json' });
    logger.child({ component: 'tailer' }).child({ epoch: 3 }).info('committed', { seq: 7, position: 5n });
    expect(json()).toEqual([
      {
        level: 'info',
        time: expect.any(String),
        component: 'tailer',
        epoch: 3,
        seq: 7,
        position: 5,
        message: 'committed',
      },
    ]);
  });

  it('writes each name once a line, whoever gave it, and numbers as numbers of few digits', () => {
    const { logger, lines } = capture({ format: 'json' });
    const child = logger.child({ component: 'load', stream: 'a' }).child({ component: 'load' });
    child.info('said', { stream: 'b', message: 'inner', delayMs: 123.4567890123, seq: 2n ** 60n });
    for (const name of ['component', 'stream', 'message', 'level', 'time']) {
      expect(lines[0]!.split(`"${name}":`)).toHaveLength(2);
    }
    expect(JSON.parse(lines[0]!)).toMatchObject({
      stream: 'b',
      message: 'said',
      message_: 'inner',
      delayMs: 123.457,
      seq: '1152921504606846976',
    });
  });

  it('writes a line for people, and quotes what would not read back', () => {
    const { logger, lines } = capture();
    logger.warn('slow bucket', { key: 'a/b', note: 'two words', count: 2 });
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d WARN: {2}slow bucket {2}key=a\/b note="two words" count=2\n$/);
  });

  it('drops what is below its level', () => {
    const { logger, lines } = capture({ level: 'warn' });
    logger.info('hidden');
    logger.debug('hidden');
    logger.error('shown');
    expect(lines).toHaveLength(1);
  });

  it.each(['text', 'json'] as const)('shows no secret, credential or bytes of a document in %s', (format) => {
    const { logger, lines } = capture({ format });
    const document = Buffer.from('hunter2');
    logger.child({ target: new Secret('hunter2') }).error('failed', {
      uri: 'mongodb://admin:hunter2@db.example/?authSource=admin',
      nested: { secret: new Secret('hunter2'), documents: [document] },
      error: new WaybillError('MONGO_UNREACHABLE', 'no answer from mongodb://a:hunter2@h', {
        cause: new Error('mongodb+srv://a:hunter2@h'),
      }),
    });
    expect(lines.join('')).not.toContain('hunter2');
    expect(lines.join('')).toContain('MONGO_UNREACHABLE');
  });

  it('shows the stack of what is not one of our errors, and only of that', () => {
    const { logger, json } = capture({ format: 'json' });
    logger.error('x', {
      error: new WaybillError('MANIFEST_CORRUPT', 'bad', { context: { seq: 4 }, hint: 'look' }),
    });
    logger.error('x', { error: new TypeError('boom') });
    expect(json()[0]?.error).toEqual({
      code: 'MANIFEST_CORRUPT',
      message: 'bad',
      context: { seq: 4 },
      hint: 'look',
    });
    expect(json()[1]?.error).toMatchObject({
      name: 'TypeError',
      stack: expect.stringContaining('logger.test'),
    });
  });

  it('throttles a warning that repeats, and counts what it left out', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      const { logger, json } = capture({ format: 'json' });
      for (let i = 0; i < 5; i++) logger.child({ i }).warnThrottled('bucket is slow');
      logger.warnThrottled('another');
      vi.advanceTimersByTime(31_000);
      logger.warnThrottled('bucket is slow');
      expect(json().map((line) => [line.message, line.suppressed])).toEqual([
        ['bucket is slow', undefined],
        ['another', undefined],
        ['bucket is slow', 4],
      ]);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('Secret', () => {
  it('shows itself nowhere', () => {
    const secret = new Secret('hunter2');
    const shown = [
      `${secret}`,
      JSON.stringify({ secret }),
      inspect({ secret }),
      String(secret),
      inspect(secret, { showHidden: true }),
    ];
    expect(shown.join()).not.toContain('hunter2');
    expect(secret.reveal()).toBe('hunter2');
  });
});

describe('what somebody else chose', () => {
  const name = 'a\u001b[2J\u009b31m\r\n12:00:00 error forged\u202eb';
  it.each(['text', 'json'] as const)('is escaped in %s', (format) => {
    let written = '';
    const destination = { write: (line: string) => (written += line) };
    const logger = createLogger({ format, destination, colors: false });
    logger.info(`took ${name}`, { namespace: name, names: [name], short: '\u001b[2J' });
    logger.error('failed', { err: Object.assign(new Error(name), { stack: `Error: ${name}\n at x` }) });
    expect(written).not.toMatch(/(?!\n)[\p{Cc}\p{Bidi_Control}]/u);
    expect(written).not.toMatch(/^12:00:00 (?:error|ERROR) forged/m);
    if (format === 'json')
      expect(JSON.parse(written.split('\n')[0] ?? '')).toMatchObject({ namespace: name });
  });
});

describe('redact', () => {
  it.each([
    ['mongodb://a:b@h:1,h2:2/db?x=1', 'mongodb://***@h:1,h2:2/db?x=1'],
    ['at mongodb+srv://a:p@ss@h now', 'at mongodb+srv://***@h now'],
    ['s3://key:secret@bucket/x', 's3://***@bucket/x'],
    [
      'mongodb://h/?tlsCertificateKeyFilePassword=abc&w=1',
      'mongodb://h/?tlsCertificateKeyFilePassword=***&w=1',
    ],
    ['mongodb://user:password@host/', 'mongodb://user:password@host/'],
    ['mongodb://h/db no@credentials', 'mongodb://h/db no@credentials'],
  ])('%s', (text, expected) => {
    expect(redact(text)).toBe(expected);
  });
});
