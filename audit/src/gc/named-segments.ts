/**
 * What the commits of a stream name, from a manifest proven whole: a log that is damaged, or of
 * which a part is gone, says nothing about what may be deleted.
 */

import { hasCode, WaybillError } from '@waybill/shared/base/errors';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { isUnfenced } from '@waybill/shared/manifest/append';
import { type ChainedCommit, corrupt } from '@waybill/shared/manifest/codec';
import { foldCommit } from '@waybill/shared/manifest/fold';
import { readStream } from '@waybill/shared/manifest/identity';
import {
  commitKey,
  deadLettersKey,
  loadPrefix,
  segmentKey,
  streamPrefix,
} from '@waybill/shared/manifest/keys';
import { readCommits } from '@waybill/shared/manifest/log';
import { loadNames } from '@waybill/shared/manifest/names';
import type { LogOptions } from '@waybill/shared/manifest/options';
import { EMPTY_STATE, type StreamState } from '@waybill/shared/manifest/state';
import { SegmentTable } from '../fsck/segment-table.ts';
import { type LogSurvey, surveyLog } from '../fsck/survey.ts';

/** One log as far as it has been read. */
interface Followed {
  state: StreamState;
  fenced: boolean;
}

export class NamedSegments {
  readonly #bucket: Bucket;
  readonly #options: LogOptions;
  readonly #table = new SegmentTable();
  /** By prefix. */
  readonly #logs = new Map<string, Followed>();

  private constructor(bucket: Bucket, options: LogOptions) {
    this.#bucket = bucket;
    this.#options = options;
  }

  /**
   * Reads every commit of the stream and of its loads. @throws STREAM_MISSING, MANIFEST_CORRUPT,
   * FORMAT_UNSUPPORTED
   */
  static async read(
    bucket: Bucket,
    stream: string,
    options: LogOptions,
  ): Promise<{ readonly named: NamedSegments; readonly surveys: readonly LogSurvey[] }> {
    const prefix = streamPrefix(stream);
    try {
      await readStream(bucket, prefix, options);
      const named = new NamedSegments(bucket, options);
      const loads: LogSurvey[] = [];
      let reached = 0;
      for await (const load of loadNames(bucket, stream, options.signal)) {
        const survey = await surveyLog(bucket, loadPrefix(stream, load), options);
        const state = await named.#follow(survey);
        loads.push(survey);
        for (const { sequence } of state.milestones) reached = Math.max(reached, sequence ?? 0);
      }
      const survey = await surveyLog(bucket, prefix, options);
      const { lastSequence } = await named.#follow(survey);
      if (reached > lastSequence) throw cutShort(survey, `a load has reached sequence ${reached}`);
      return { named, surveys: [survey, ...loads] };
    } catch (error) {
      throw nothingDeleted(error);
    }
  }

  /** Writers of that log of an epoch before this one are fenced. 0 where no fence holds. */
  fencedBelow(prefix: string): number {
    const log = this.#logs.get(prefix);
    return log?.fenced ? log.state.epoch : 0;
  }

  has(key: string): boolean {
    return this.#table.has(key);
  }

  /** Takes in what has been committed since. */
  async advance(): Promise<void> {
    try {
      for (const [prefix, log] of this.#logs) {
        const options = { ...this.#options, after: log.state };
        for await (const next of readCommits(this.#bucket, prefix, options)) {
          log.state = foldCommit(log.state, next);
          this.#take(prefix, log, next);
        }
      }
    } catch (error) {
      throw nothingDeleted(error);
    }
  }

  async #follow(survey: LogSurvey): Promise<StreamState> {
    const { prefix } = survey;
    const log: Followed = { state: EMPTY_STATE, fenced: true };
    this.#logs.set(prefix, log);
    log.state = await foldWhole(this.#bucket, survey, this.#options, (next) => this.#take(prefix, log, next));
    return log.state;
  }

  #take(prefix: string, log: Followed, { commit }: ChainedCommit): void {
    if (isUnfenced(commit.writer)) log.fenced = false;
    for (const { key, bytes } of commit.segments ?? []) this.#table.add(segmentKey(prefix, key), bytes);
    const letters = commit.deadLetters;
    if (letters) this.#table.add(deadLettersKey(prefix, letters.key), letters.bytes);
  }
}

/** Strict: each commit from the first to the head, as a reader takes them. */
async function foldWhole(
  bucket: Bucket,
  survey: LogSurvey,
  options: LogOptions,
  onCommit: (next: ChainedCommit) => void,
): Promise<StreamState> {
  const { prefix, head, gaps, checkpoints } = survey;
  const [gap] = gaps;
  if (gap) throw missing(prefix, gap.first, 'it is missing, and later ones are there');
  if (head === 0) throw missing(prefix, 1, 'it is missing');
  if ((checkpoints.at(-1) ?? 0) > head) throw cutShort(survey, `there is a checkpoint of a later one`);
  let state = EMPTY_STATE;
  for await (const next of readCommits(bucket, prefix, options)) {
    state = foldCommit(state, next);
    onCommit(next);
  }
  if (state.seq < head) throw missing(prefix, state.seq + 1, 'it was listed, and is not there');
  return state;
}

const missing = (prefix: string, seq: number, fault: string): WaybillError =>
  corrupt(`commit ${seq}`, fault, commitKey(prefix, seq));

const cutShort = ({ prefix, head }: LogSurvey, evidence: string): WaybillError =>
  missing(prefix, head + 1, `it is missing, and ${evidence}`);

function nothingDeleted(error: unknown): unknown {
  if (!hasCode(error, 'MANIFEST_CORRUPT', 'FORMAT_UNSUPPORTED')) return error;
  return new WaybillError(error.code, error.message, {
    hint: 'Nothing more is deleted: only a whole manifest tells what is garbage. waybill fsck names all that is damaged.',
    context: error.context,
    cause: error,
  });
}
