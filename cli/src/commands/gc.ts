import { runGc } from '@waybill/shared/gc/gc';
import { renderGc } from '../output/gc.ts';
import type { Command, CommandContext } from './command.ts';
import { Services } from './services.ts';

export const gcCommand: Command = {
  name: 'gc',
  describe: 'List what a stream has left in its bucket that nobody needs, and delete it with --delete.',
  examples: [
    ['$0 gc --bucket /data/waybill', 'what would be deleted, and how much that is'],
    ['$0 gc --bucket /data/waybill --delete', 'delete what is older than seven days'],
    ['$0 gc --bucket /data/waybill --min-age 0 --delete', 'all that no capture can commit any more'],
  ],
  stopsCleanly: false,
  run: runGcCommand,
};

async function runGcCommand(context: CommandContext): Promise<number> {
  const { options, signal, output } = context;
  await using services = new Services(context);
  const bucket = await services.bucket();
  const { stream, 'min-age': minAgeMs } = options;
  const report = await runGc({ stream, minAgeMs, delete: options.delete }, { bucket, signal });
  if (options.json) output.printJson(report);
  else output.print(renderGc(report, output.paint));
  return 0;
}
