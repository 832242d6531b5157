import { fileURLToPath } from 'node:url';
import { WaybillError } from '@waybill/shared/base/errors';
import { commandToType } from '../output/command-to-type.ts';
import { LiveLines } from '../output/live-lines.ts';
import { drawBar } from '../output/progress.ts';
import { renderTable } from '../output/table.ts';
import { formatCount, formatDuration } from '../output/units.ts';
import { renderVerification } from '../output/verification.ts';
import type { CommandContext } from './command.ts';

/**
 * The demo is a workspace of its own, because a migration needs neither its servers nor its data. A
 * checkout has it; the published command does not.
 */
export async function runDemoCommand({ options, output, signal }: CommandContext): Promise<number> {
  const { paint, terminal } = output;
  const { runDemo } = await import('@waybill/demo/demo').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND' || !error.message.includes('@waybill/demo')) throw error;
    throw new WaybillError('CONFIG_INVALID', 'the demo is not part of the installed command', {
      hint: 'Run it in a checkout of the repository: npm ci && npm run demo.',
    });
  });
  return runDemo({
    json: options.json,
    keep: options.keep,
    signal,
    launcher: fileURLToPath(new URL('../../bin/waybill.js', import.meta.url)),
    commandToType: commandToType(),
    show: {
      print: (text) => output.print(text),
      printJson: (value) => output.printJson(value),
      paint,
      live: (line) => (terminal.canRedraw && output.isTerminal ? new LiveLines(terminal, [line]) : null),
      count: formatCount,
      duration: formatDuration,
      bar: drawBar,
      table: (columns, rows) => renderTable(columns, rows, paint),
      verification: (report) => renderVerification(report, paint),
    },
  });
}
