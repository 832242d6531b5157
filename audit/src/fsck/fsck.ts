/**
 * Proves that a stream is whole, or lists the damage. Only reads.
 *
 * 1. The logs of the loads come before the stream's own: what a load has reached, the stream must
 *    have.
 * 2. Then the stream's head is fixed; what a running capture commits after that is not looked at.
 * 3. Then the segments are listed: every one that a commit up to the head names was there before
 *    that commit.
 * 4. The commits are walked through; each entry is held against the list, and with `deep` its file
 *    is read.
 * 5. What is listed and not named is an orphan, unless a commit after the head names it.
 */

import { hasCode } from '@waybill/shared/base/errors';
import type { Bucket, ObjectInfo } from '@waybill/shared/bucket/bucket';
import type { ChainedCommit } from '@waybill/shared/manifest/codec';
import { commitKey, loadPrefix, streamPrefix } from '@waybill/shared/manifest/keys';
import { readCommit } from '@waybill/shared/manifest/log';
import { loadNames } from '@waybill/shared/manifest/names';
import type { LogOptions } from '@waybill/shared/manifest/options';
import type { StreamState } from '@waybill/shared/manifest/state';
import { checkIdentity } from './check-identity.ts';
import { LetterChecks } from './check-letters.ts';
import { SegmentChecks, type SegmentTotals } from './check-segments.ts';
import { type Finding, type FindingKind, Findings } from './findings.ts';
import type { FsckStats } from './stats.ts';
import { type LogSurvey, surveyLog } from './survey.ts';
import { type WalkOptions, walkLog } from './walk-log.ts';

export interface FsckSettings {
  readonly stream: string;
  /** Read every segment. */
  readonly deep: boolean;
}

export interface FsckDeps extends LogOptions {
  readonly bucket: Bucket;
  readonly stats: FsckStats;
}

export interface LogReport {
  /** `<stream>` or `<stream>/loads/<load>`. */
  readonly log: string;
  readonly commits: number;
  readonly epoch: number;
}

export interface FsckReport {
  readonly bucket: string;
  readonly stream: string;
  readonly deep: boolean;
  /** No damage was found. */
  readonly whole: boolean;
  readonly logs: readonly LogReport[];
  readonly lastSequence: number;
  /** Named by commits. */
  readonly segments: SegmentTotals;
  /** Decoded; 0 without `deep`. */
  readonly decodedRecords: number;
  /** Files that no commit names. */
  readonly orphans: { readonly count: number; readonly bytes: number };
  readonly damages: number;
  readonly counts: Readonly<Partial<Record<FindingKind, number>>>;
  /** The first thousand, damage first. */
  readonly findings: readonly Finding[];
  readonly seconds: number;
}

/**
 * @throws STREAM_MISSING where nothing of the stream is there; the bucket's errors; the signal's
 *   reason
 */
export async function runFsck({ stream, deep }: FsckSettings, deps: FsckDeps): Promise<FsckReport> {
  const startedAt = performance.now();
  const { bucket, stats } = deps;
  const prefix = streamPrefix(stream);
  const findings = new Findings();
  const loads = await checkLoads(stream, { ...deps, findings, deep });
  const survey = await surveyLog(bucket, prefix, deps);
  stats.commitsTotal += survey.head;
  const identity = await checkIdentity(prefix, { ...deps, findings });
  const segments = new SegmentChecks({ ...deps, prefix, identity, deep, findings });
  await segments.list();
  const state = await walkStream(survey, segments, { ...deps, findings });
  if (loads.sequence > state.lastSequence) {
    const detail = `a load has reached sequence ${loads.sequence}, and the stream ends at ${state.lastSequence}`;
    findings.add('log-cut-short', commitKey(prefix, survey.head + 1), detail);
  }
  const orphans = await findOrphans(prefix, survey.head, segments, loads.orphans, { ...deps, findings });
  return {
    bucket: bucket.url,
    stream,
    deep,
    whole: findings.damages === 0,
    logs: [logReport(survey, state), ...loads.logs],
    lastSequence: state.lastSequence,
    segments: segments.totals,
    decodedRecords: stats.records,
    orphans,
    damages: findings.damages,
    counts: findings.counts,
    findings: findings.told,
    seconds: Math.round(performance.now() - startedAt) / 1000,
  };
}

type Checking = FsckDeps & Pick<WalkOptions, 'findings'>;

async function checkLoads(
  stream: string,
  deps: Checking & Pick<FsckSettings, 'deep'>,
): Promise<{
  readonly logs: LogReport[];
  readonly sequence: number;
  readonly orphans: readonly ObjectInfo[];
}> {
  const logs: LogReport[] = [];
  const orphans: ObjectInfo[] = [];
  let sequence = 0;
  for await (const load of loadNames(deps.bucket, stream, deps.signal)) {
    const prefix = loadPrefix(stream, load);
    const survey = await surveyLog(deps.bucket, prefix, deps);
    deps.stats.commitsTotal += survey.head;
    const letters = new LetterChecks({ ...deps, prefix });
    const state = await walkLog(survey, {
      ...deps,
      onCommit: async ({ commit }) => {
        await letters.take(commit);
        deps.stats.commits++;
      },
    });
    const listed = await letters.list();
    for await (const { commit } of readCommitsAfter(survey.head, prefix, deps)) letters.notOrphans(commit);
    orphans.push(...listed.filter(({ key }) => !letters.isNamed(key)));
    logs.push(logReport(survey, state));
    for (const milestone of state.milestones) sequence = Math.max(sequence, milestone.sequence ?? 0);
  }
  return { logs, sequence, orphans };
}

const logReport = ({ prefix, head }: LogSurvey, { epoch }: StreamState): LogReport => ({
  log: prefix,
  commits: head,
  epoch,
});

async function walkStream(survey: LogSurvey, segments: SegmentChecks, deps: Checking): Promise<StreamState> {
  try {
    return await walkLog(survey, {
      ...deps,
      onCommit: async (walked) => {
        await segments.take(walked);
        deps.stats.commits++;
      },
    });
  } finally {
    await segments.finished();
  }
}

async function findOrphans(
  prefix: string,
  head: number,
  segments: SegmentChecks,
  others: readonly ObjectInfo[],
  deps: Checking,
): Promise<FsckReport['orphans']> {
  for await (const { commit } of readCommitsAfter(head, prefix, deps)) segments.notOrphans(commit);
  let count = 0;
  let bytes = 0;
  const tell = (info: ObjectInfo): void => {
    count++;
    bytes += info.bytes;
    const since = new Date(info.modifiedAt).toISOString();
    deps.findings.add('orphan', info.key, `no commit names it; ${info.bytes} bytes, there since ${since}`);
  };
  for await (const info of segments.orphans()) tell(info);
  others.forEach(tell);
  return { count, bytes };
}

/** Commits that came meanwhile. A later check says whether they are whole. */
async function* readCommitsAfter(
  head: number,
  prefix: string,
  deps: FsckDeps,
): AsyncGenerator<ChainedCommit, void, undefined> {
  for (let seq = head + 1; ; seq++) {
    try {
      const later = await readCommit(deps.bucket, prefix, seq, deps);
      if (!later) return;
      yield later;
    } catch (error) {
      if (hasCode(error, 'MANIFEST_CORRUPT', 'FORMAT_UNSUPPORTED')) return;
      throw error;
    }
  }
}
