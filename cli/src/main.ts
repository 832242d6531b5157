/** The `waybill` command, from the launcher on. */

import packageJson from '../package.json' with { type: 'json' };
import type { MainOptions } from './run-command-line.ts';
import { boundYoungGeneration } from './young-generation.ts';

/** Should a connection or timer be left over, the process still ends. */
const LINGER_MS = 2000;

export async function main(argv: readonly string[], options: MainOptions = {}): Promise<void> {
  const { version } = packageJson;
  // Scripts ask this at every start: it waits for nothing that a command needs.
  if (argv.length === 1 && argv[0] === '--version') {
    process.stdout.write(`${version}\n`);
    return;
  }
  boundYoungGeneration();
  quietLibraries();
  // `waybill status | head` is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0);
    throw error;
  });
  const { runCommandLine } = await import('./run-command-line.ts');
  process.exitCode = await runCommandLine(argv, version, options);
  setTimeout(() => process.exit(), LINGER_MS).unref();
}

/**
 * Hides warnings that libraries give Node, such as that no metadata server was found: an error of
 * ours says what comes of it. Set WAYBILL_DEBUG to see them.
 */
function quietLibraries(): void {
  if (process.env.WAYBILL_DEBUG) return;
  process.removeAllListeners('warning');
  process.on('warning', () => undefined);
}
