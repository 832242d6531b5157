import { WaybillError } from '@waybill/shared/base/errors';
import { describe, expect, it } from 'vitest';
import { reportError } from './report-error.ts';

function report(error: unknown, more: { json?: boolean; debug?: boolean } = {}) {
  let text = '';
  const exitCode = reportError(error, {
    json: false,
    debug: false,
    ...more,
    paint: (_style, each) => each,
    write: (each) => {
      text += each;
    },
  });
  return { text, exitCode };
}

/** All but line feeds, which are ours. */
const UNPRINTABLE = /(?!\n)[\p{Cc}\p{Bidi_Control}]/u;

const fenced = new WaybillError('MANIFEST_FENCED', 'a newer capture took mongodb://a:hunter2@h over', {
  hint: 'Stop one of them.',
  context: { stream: 'default', epoch: 4, host: undefined },
  cause: new Error('inner'),
});

describe('reportError', () => {
  it('says what, its code, what it concerns, and what to do; no stack and no secret', () => {
    expect(report(fenced)).toEqual({
      exitCode: 4,
      text: 'error: a newer capture took mongodb://***@h over\ncode: MANIFEST_FENCED\nconcerns: stream=default epoch=4\nhint: Stop one of them.\n',
    });
  });

  it('shows nothing that moves a cursor or begins a line of its own, in text and in JSON', () => {
    const name = 'a\u001b[2J\u009b31m\r\nerror: forged\u202eb\u007f';
    const hostile = new WaybillError('TARGET_UNSUPPORTED', `cannot hold ${name}`, {
      hint: `Leave ${name} out.`,
      context: { namespace: name },
      cause: new Error(name),
    });
    for (const more of [{}, { json: true }]) {
      const { text } = report(hostile, more);
      expect(text).not.toMatch(UNPRINTABLE);
      expect(text).not.toMatch(/^error: forged/m);
    }
    expect(JSON.parse(report(hostile, { json: true }).text)).toMatchObject({
      error: { message: `cannot hold ${name}` },
    });
  });

  it('says the same as JSON', () => {
    const { text } = report(fenced, { json: true });
    expect(JSON.parse(text)).toEqual({
      schemaVersion: 1,
      time: expect.stringMatching(/^\d{4}-/),
      error: {
        code: 'MANIFEST_FENCED',
        kind: 'fenced',
        exitCode: 4,
        message: 'a newer capture took mongodb://***@h over',
        context: { stream: 'default', epoch: 4 },
        hint: 'Stop one of them.',
        cause: 'inner',
      },
    });
    expect(text.trim()).not.toContain('\n');
  });

  it('shows the stack of a defect, and of others only when asked', () => {
    expect(report(new TypeError('x is not a function'))).toMatchObject({
      exitCode: 1,
      text: expect.stringMatching(
        /^error: x is not a function\ncode: INTERNAL\nhint: .*\n(.|\n)*report-error\.test/,
      ),
    });
    expect(report(fenced, { debug: true }).text).toMatch(/at .*report-error\.test/);
  });
});
