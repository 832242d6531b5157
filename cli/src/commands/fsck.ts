import { runFsck } from '@waybill/audit/fsck/fsck';
import { newFsckStats } from '@waybill/audit/fsck/stats';
import { EXIT_CODES } from '@waybill/shared/base/error-codes';
import { printableData } from '@waybill/shared/base/printable';
import { showChecking } from '../output/checking.ts';
import { renderFsck } from '../output/fsck.ts';
import type { CommandContext } from './command.ts';
import { Services } from './services.ts';

export async function runFsckCommand(context: CommandContext): Promise<number> {
  const { options, signal, output, logger } = context;
  await using services = new Services(context);
  const bucket = await services.bucket();
  const stats = newFsckStats();
  const { stream, deep } = options;
  const report = await (async () => {
    using _progress = showChecking(stats, deep, logger, output.terminal);
    return await runFsck({ stream, deep }, { bucket, stats, signal });
  })();
  if (options.json) output.printJson(report);
  else output.print(renderFsck(printableData(report), output.paint));
  return report.whole ? 0 : EXIT_CODES.difference;
}
