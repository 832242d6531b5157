import { runGc } from '@waybill/audit/gc/gc';
import { printableData } from '@waybill/shared/base/printable';
import { renderGc } from '../output/gc.ts';
import type { CommandContext } from './command.ts';
import { Services } from './services.ts';

export async function runGcCommand(context: CommandContext): Promise<number> {
  const { options, signal, output } = context;
  await using services = new Services(context);
  const bucket = await services.bucket();
  const report = await runGc(options, { bucket, signal });
  if (options.json) output.printJson(report);
  else output.print(renderGc(printableData(report), output.paint));
  return 0;
}
