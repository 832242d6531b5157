import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { LiveLines } from './live-lines.ts';
import { Terminal } from './terminal.ts';

test('a terminal shows log lines whole, and cuts its own lines to fit', () => {
  const stream = Object.assign(new PassThrough(), { isTTY: true, columns: 40 });
  const terminal = new Terminal(stream as unknown as NodeJS.WriteStream, true);
  const lines = new LiveLines(terminal, [(columns) => `progress ${'.'.repeat(columns)}`]);
  terminal.write(`${'a log line that is longer than the terminal is wide, '.repeat(3)}seq=1234567\n`);
  lines[Symbol.dispose]();
  const written = String(stream.read());
  expect(written).toContain('seq=1234567\n');
  // The switch that makes a terminal drop what is beyond its last column.
  expect(written).not.toContain('\u001b[?7l');
  expect(written).toContain(`progress ${'.'.repeat(30)}`);
  expect(written).not.toContain(`progress ${'.'.repeat(31)}`);
});
