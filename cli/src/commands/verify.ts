import { streamOfSides } from '@waybill/load/cutover/sides';
import { KnownLetters } from '@waybill/load/letters/known-letters';
import { mappingOf } from '@waybill/load/mapping/settle-mapping';
import { boundLoad } from '@waybill/load/progress/log-and-target';
import { streamIdentityText } from '@waybill/load/progress/stream-identity';
import { comparedNamespaces, EVERYTHING, recordedFilter } from '@waybill/load/settings/load-filter';
import { Acceptance } from '@waybill/load/verify/acceptance';
import { keepReport } from '@waybill/load/verify/kept-report';
import { LoadWatch } from '@waybill/load/verify/load-watch';
import { mayBeEmpty, nothingCompared } from '@waybill/load/verify/nothing-compared';
import { isDifference, isEmpty } from '@waybill/load/verify/report';
import { newVerifyStats } from '@waybill/load/verify/settings';
import { runVerify } from '@waybill/load/verify/verify';
import { EXIT_CODES } from '@waybill/shared/base/error-codes';
import { printableData } from '@waybill/shared/base/printable';
import { loadPrefix, streamPrefix } from '@waybill/shared/manifest/keys';
import { readManifest } from '@waybill/shared/manifest/log';
import { streamPatterns } from '@waybill/shared/manifest/stream-patterns';
import { showComparing } from '../output/comparing.ts';
import { ReportFile } from '../output/report-file.ts';
import { renderVerification } from '../output/verification.ts';
import type { CommandContext } from './command.ts';
import { Services } from './services.ts';

export async function runVerifyCommand(context: CommandContext): Promise<number> {
  const { options, signal, output, logger } = context;
  const acceptance = Acceptance.of(options.accept);
  await using file = await ReportFile.open(options.report);
  await using services = new Services(context);
  const bucket = await services.bucket();
  const source = await services.source();
  const target = await services.target();
  const sides = { bucket, source, target, signal };
  const identity = await streamOfSides({ ...sides, streamPrefix: streamPrefix(options.stream) });
  const progressDatabase = options.progressDatabase ?? null;
  const { log, sight } = await boundLoad({ ...sides, identity, load: options.load, progressDatabase });
  const store = target.progress(sight.progressDatabase);
  const load = new LoadWatch(store, options.load, streamIdentityText(identity));
  const taken = recordedFilter(log) ?? EVERYTHING;
  const state = await readManifest(bucket, streamPrefix(options.stream), { signal });
  const filter = comparedNamespaces(identity, streamPatterns(identity, state), taken);
  const letters = new KnownLetters({ bucket, loadPrefix: loadPrefix(options.stream, options.load), signal });
  const stats = newVerifyStats();
  const report = await (async () => {
    using _progress = showComparing(stats, logger, output.terminal);
    return await runVerify(
      {},
      { source, target, filter, mapping: mappingOf(log), load, acceptance, letters, stats, signal },
    );
  })();
  if (options.json) output.printJson(report);
  else output.print(renderVerification(printableData(report), output.paint));
  await file?.write(report, logger);
  const { stream } = options;
  await keepReport({ bucket, stream, load: options.load, logger, signal }, 'verify', report);
  if (report.same) return 0;
  if (!isEmpty(report) || report.structure.some(isDifference)) return EXIT_CODES.difference;
  if (options.allowEmpty || (await mayBeEmpty(bucket, options, signal))) return 0;
  throw nothingCompared(report, options);
}
