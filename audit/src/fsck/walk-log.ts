/**
 * Reads a log from its first commit to the head that a survey found, and says everything that is
 * wrong with it; it does not stop at the first damage, as readers do.
 */

import { hasCode } from '@waybill/shared/base/errors';
import { throwIfAborted } from '@waybill/shared/base/lifecycle';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import type { ChainedCommit } from '@waybill/shared/manifest/codec';
import type { Commit } from '@waybill/shared/manifest/commit';
import { commitKey } from '@waybill/shared/manifest/keys';
import { readCommit } from '@waybill/shared/manifest/log';
import type { LogOptions } from '@waybill/shared/manifest/options';
import type { StreamState } from '@waybill/shared/manifest/state';
import { checkCheckpoint } from './check-checkpoint.ts';
import type { FindingKind, Findings } from './findings.ts';
import { LenientFold } from './lenient-fold.ts';
import { lookAgain } from './look-again.ts';
import type { LogSurvey } from './survey.ts';

/** Commits fetched at once: a store far away answers thirty of them in the time of one. */
const READ_AHEAD = 32;

export interface WalkOptions extends LogOptions {
  readonly bucket: Bucket;
  readonly findings: Findings;
  /** After each commit that can be read, in order; the walk waits for it. */
  readonly onCommit?: ((walked: WalkedCommit) => Promise<void> | void) | undefined;
}

export interface WalkedCommit {
  readonly commit: Commit;
  readonly key: string;
  /** With this commit. */
  readonly state: StreamState;
  /** No commit up to it is lost or was exchanged: what is summed up over all of them holds. */
  readonly isUnbroken: boolean;
}

/**
 * @returns what the log adds up to, as far as it can be read. Throws the bucket's errors and the
 *   signal's reason.
 */
export async function walkLog(survey: LogSurvey, options: WalkOptions): Promise<StreamState> {
  const { bucket, findings, onCommit, signal } = options;
  const { prefix, head, gaps } = survey;
  const fold = new LenientFold(findings);
  const checkpoints = new Set(survey.checkpoints);
  for (const { first, last } of gaps) {
    const which = first === last ? 'it is missing' : `commits ${first} to ${last} are missing`;
    findings.add('commit-missing', commitKey(prefix, first), `${which}, and later ones are there`);
  }
  for await (const { seq, read } of readAll(survey, options)) {
    throwIfAborted(signal);
    const key = commitKey(prefix, seq);
    if ('kind' in read) {
      findings.add(read.kind, key, read.detail);
      continue;
    }
    fold.take(read, key);
    const { state, isUnbroken } = fold;
    if (checkpoints.has(seq)) await checkCheckpoint(bucket, prefix, { state, isUnbroken }, findings, options);
    await onCommit?.({ commit: read.commit, key, state, isUnbroken });
  }
  const lost = survey.checkpoints.findLast((number) => number > head);
  if (lost !== undefined) {
    findings.add('log-cut-short', commitKey(prefix, head + 1), `there is a checkpoint of commit ${lost}`);
  }
  return fold.state;
}

type Read = ChainedCommit | { readonly kind: FindingKind; readonly detail: string };

/** In order, some ahead; without those of the gaps. */
async function* readAll(
  { prefix, head, gaps }: LogSurvey,
  options: WalkOptions,
): AsyncGenerator<{ seq: number; read: Read }> {
  const ahead: { seq: number; read: Promise<Read> }[] = [];
  let gap = 0;
  let seq = 1;
  for (;;) {
    while (seq <= head && ahead.length < READ_AHEAD) {
      if (gaps[gap]?.first === seq) {
        seq = gaps[gap++]!.last + 1;
        continue;
      }
      const read = readOne(prefix, seq, options);
      // The walk may end before its turn comes.
      read.catch(() => undefined);
      ahead.push({ seq: seq++, read });
    }
    const next = ahead.shift();
    if (!next) return;
    yield { seq: next.seq, read: await next.read };
  }
}

async function readOne(prefix: string, seq: number, options: WalkOptions): Promise<Read> {
  try {
    const found = await lookAgain(() => readCommit(options.bucket, prefix, seq, options), options.signal);
    return found ?? { kind: 'commit-missing', detail: 'it was listed, and is gone' };
  } catch (error) {
    if (hasCode(error, 'MANIFEST_CORRUPT')) return { kind: 'commit-damaged', detail: error.message };
    if (hasCode(error, 'FORMAT_UNSUPPORTED')) return { kind: 'format-unsupported', detail: error.message };
    throw error;
  }
}
