import { writeFile } from 'node:fs/promises';
import { streamOfSides } from '@waybill/load/cutover/sides';
import { comparedNamespaces, EVERYTHING, recordedFilter } from '@waybill/load/load-filter';
import { boundLoad } from '@waybill/load/progress/log-and-target';
import { streamIdentityText } from '@waybill/load/progress/stream-identity';
import { mongodbProgressStore } from '@waybill/load/target/mongodb-progress';
import { Acceptance } from '@waybill/load/verify/acceptance';
import { LoadWatch } from '@waybill/load/verify/load-watch';
import { mayBeEmpty, nothingCompared } from '@waybill/load/verify/nothing-compared';
import { isDifference, isEmpty, type VerifyReport } from '@waybill/load/verify/report';
import { newVerifyStats } from '@waybill/load/verify/settings';
import { runVerify } from '@waybill/load/verify/verify';
import { EXIT_CODES, WaybillError } from '@waybill/shared/errors';
import { streamPrefix } from '@waybill/shared/manifest/keys';
import { printableData } from '@waybill/shared/printable';
import { showComparing } from '../output/comparing.ts';
import { stamped } from '../output/stamped.ts';
import { renderVerification } from '../output/verification.ts';
import type { CommandContext } from './command.ts';
import { Services } from './services.ts';

export async function runVerifyCommand(context: CommandContext): Promise<number> {
  const { options, signal, output, logger } = context;
  const acceptance = Acceptance.of(options.accept);
  await using services = new Services(context);
  const bucket = await services.bucket();
  const source = await services.connect('source');
  const target = await services.connect('target');
  const sides = { bucket, source, target, signal };
  const identity = await streamOfSides({ ...sides, streamPrefix: streamPrefix(options.stream) });
  const progressDatabase = options['progress-database'] ?? null;
  const { log, sight } = await boundLoad({ ...sides, identity, load: options.load, progressDatabase });
  const store = mongodbProgressStore(target, sight.progressDatabase);
  const load = new LoadWatch(store, options.load, streamIdentityText(identity));
  const taken = recordedFilter(log) ?? EVERYTHING;
  const filter = comparedNamespaces(identity, taken);
  const stats = newVerifyStats();
  const report = await (async () => {
    using _progress = showComparing(stats, logger, output.terminal);
    return await runVerify({}, { source, target, filter, load, acceptance, stats, signal });
  })();
  if (options.report !== undefined) await writeReport(options.report, report);
  if (options.json) output.printJson(report);
  else output.print(renderVerification(printableData(report), output.paint));
  if (report.same) return 0;
  if (!isEmpty(report) || report.structure.some(isDifference)) return EXIT_CODES.difference;
  if (options['allow-empty'] || (await mayBeEmpty(bucket, options, signal))) return 0;
  throw nothingCompared(report, options);
}

/** Errors: CONFIG_INVALID where the file can not be written. */
export async function writeReport(path: string, report: VerifyReport): Promise<void> {
  try {
    await writeFile(path, `${JSON.stringify(stamped(report), null, 2)}\n`);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new WaybillError('CONFIG_INVALID', `--report: the file ${path} cannot be written (${reason})`, {
      cause: error,
    });
  }
}
