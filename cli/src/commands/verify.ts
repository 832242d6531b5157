import { writeFile } from 'node:fs/promises';
import type { VerifyReport } from '@waybill/load/verify/report';
import type { VerifyStats } from '@waybill/load/verify/verify';
import { EXIT_CODES, WaybillError } from '@waybill/shared/errors';
import type { Logger } from '@waybill/shared/logger';
import { readStream } from '@waybill/shared/manifest/identity';
import { streamPrefix } from '@waybill/shared/manifest/keys';
import { NamespaceFilter } from '@waybill/shared/mongo/namespace-filter';
import { formatBytes, formatCount } from '../output/units.ts';
import { renderVerification } from '../output/verification.ts';
import type { Command, CommandContext } from './command.ts';
import { Services } from './services.ts';

export const verifyCommand: Command = {
  name: 'verify',
  describe: 'Compare source and target, document for document.',
  examples: [
    [
      '$0 verify --source env:SOURCE --bucket /data/waybill --target env:TARGET --report differences.json',
      'exit code 3 where they differ',
    ],
  ],
  stopsCleanly: false,
  run: runVerifyCommand,
};

async function runVerifyCommand(context: CommandContext): Promise<number> {
  const { options, signal, output, logger } = context;
  await using services = new Services(context);
  const bucket = await services.bucket();
  const { include, exclude } = await readStream(bucket, streamPrefix(options.stream), { signal });
  const source = await services.connect('source');
  const target = await services.connect('target');
  const { newVerifyStats, runVerify } = await import('@waybill/load/verify/verify');
  const stats = newVerifyStats();
  using _log = logVerification(logger, stats);
  const filter = new NamespaceFilter({ include, exclude });
  const report = await runVerify({}, { source, target, filter, stats, signal });
  if (options.report !== undefined) await writeReport(options.report, report);
  if (options.json) output.printJson(report);
  else output.print(renderVerification(report, output.paint));
  return report.same ? 0 : EXIT_CODES.difference;
}

const PROGRESS_MS = 10_000;

export function logVerification(logger: Logger, stats: VerifyStats): Disposable {
  const timer = setInterval(() => {
    logger.info('comparing', {
      collection: stats.collection,
      documents: `${formatCount(stats.documents)}/${formatCount(stats.documentsTotal)}`,
      bytes: formatBytes(stats.bytes),
      suspects: stats.suspects,
    });
  }, PROGRESS_MS);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** Errors: CONFIG_INVALID where the file can not be written. */
export async function writeReport(path: string, report: VerifyReport): Promise<void> {
  try {
    await writeFile(path, `${JSON.stringify(report, null, 2)}\n`);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new WaybillError('CONFIG_INVALID', `--report: the file ${path} cannot be written (${reason})`, {
      cause: error,
    });
  }
}
