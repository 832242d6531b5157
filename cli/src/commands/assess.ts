import { Assessment, type AssessReport } from '@waybill/load/assess/assessment';
import { newAssessStats } from '@waybill/load/assess/settings';
import { assessSource } from '@waybill/load/assess/source';
import { assessStream } from '@waybill/load/assess/stream';
import { NameMapping } from '@waybill/load/mapping/name-mapping';
import { PROFILES } from '@waybill/load/target/profiles/all';
import { ofDocumentSize } from '@waybill/load/target/rules/documents';
import type { Target } from '@waybill/load/target/target';
import { EXIT_CODES } from '@waybill/shared/base/error-codes';
import { WaybillError } from '@waybill/shared/base/errors';
import { printableData } from '@waybill/shared/base/printable';
import { findStream, readStream } from '@waybill/shared/manifest/identity';
import { streamPrefix } from '@waybill/shared/manifest/keys';
import { NamespaceFilter } from '@waybill/shared/mongo/facts/namespace-filter';
import { showAssessing } from '../output/assessing.ts';
import { markdownAssessment, renderAssessment } from '../output/assessment.ts';
import type { CommandContext } from './command.ts';
import { Services } from './services.ts';

export async function runAssessCommand(context: CommandContext): Promise<number> {
  const { options, output, logger } = context;
  await using services = new Services(context);
  const { profile, assessedRules, onlyDatabase } = await targetOf(services, context);
  const stats = newAssessStats();
  const rules = ofDocumentSize(assessedRules, options.maxDocumentSize ?? null);
  const mapping = NameMapping.of(options.map);
  const assessment = new Assessment({ profile, rules, onlyDatabase, mapping, stats });
  const report = await (async () => {
    using _progress = showAssessing(stats, logger, output.terminal);
    return await look(assessment, services, context);
  })();
  const shown = printableData(report);
  if (options.json) output.printJson(report);
  else output.print(options.markdown ? markdownAssessment(shown) : renderAssessment(shown, output.paint));
  return report.taken ? 0 : EXIT_CODES.difference;
}

/** A target is asked what it is; a kind alone stands for its usual server. */
async function targetOf(
  services: Services,
  { options }: CommandContext,
): Promise<Pick<Target, 'profile' | 'assessedRules' | 'onlyDatabase'>> {
  if (options.target !== undefined) return services.target();
  if (options.targetKind === undefined) throw kindNeeded();
  const profile = PROFILES[options.targetKind];
  return { profile, assessedRules: profile.documents.rules, onlyDatabase: null };
}

/** The stream, where the bucket has it, since it holds every document; otherwise the source. */
async function look(
  assessment: Assessment,
  services: Services,
  { options, signal }: CommandContext,
): Promise<AssessReport> {
  const { bucket: where, source: uri, stream, include, exclude, sample } = options;
  const patterns = { include, exclude };
  if (where === undefined && uri === undefined) throw nowhere();
  if (where !== undefined) {
    const bucket = await services.bucket();
    const prefix = streamPrefix(stream);
    // Without a source, a missing stream is an error.
    const read = uri === undefined ? readStream : findStream;
    if ((await read(bucket, prefix, { signal })) !== null) {
      const filter = new NamespaceFilter(patterns);
      await assessStream(assessment, { bucket, stream, filter, signal });
      return assessment.report({ at: 'stream', place: `${stream} of ${bucket.url}` });
    }
  }
  const source = await services.source();
  await assessSource(assessment, { sample }, { source, patterns, signal });
  return assessment.report({ at: 'source', place: source.url });
}

function kindNeeded(): WaybillError {
  return new WaybillError('CONFIG_INVALID', 'assess needs a kind of target', {
    hint: 'Give --target-kind firestore, for example, or --target to ask a server what it is.',
    context: { option: 'target-kind' },
  });
}

function nowhere(): WaybillError {
  return new WaybillError('CONFIG_INVALID', 'there is nothing to assess: neither --bucket nor --source', {
    hint: 'Give --bucket to assess a captured stream, or --source to assess a source before it is captured.',
  });
}
