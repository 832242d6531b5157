/**
 * Tells a load something through its log in the bucket, and finds out if one runs to hear it. The
 * word stands in the log, so it works across machines, and later starts go by it.
 */
import { WaybillError } from '@waybill/shared/base/errors';
import { sleep } from '@waybill/shared/base/lifecycle';
import { writerName } from '@waybill/shared/base/process-identity';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { foldCommit } from '@waybill/shared/manifest/fold';
import { loadPrefix } from '@waybill/shared/manifest/keys';
import { KnownHead } from '@waybill/shared/manifest/known-head';
import { readCommits, readManifest } from '@waybill/shared/manifest/log';
import { loadMissing } from '@waybill/shared/manifest/names';
import { appendNote } from '@waybill/shared/manifest/note';
import { milestoneOf, type StreamState } from '@waybill/shared/manifest/state';
import { type Control, controlOf, noteOf, type Word } from './control.ts';

export interface TellDeps {
  readonly bucket: Bucket;
  readonly stream: string;
  readonly load: string;
  /** How long to wait for a load that hears it, in milliseconds. */
  readonly patienceMs: number;
  readonly signal: AbortSignal;
}

export interface Told {
  readonly before: Control;
  readonly now: Control;
  /** A load runs, and acts on it. Null where there was nothing to tell. */
  readonly isHeard: boolean | null;
}

/** A load looks about once a second. */
const POLL_MS = 300;

/** Without words it only looks. @throws LOAD_MISSING, LOAD_CUT_OVER */
export async function tellLoad(words: readonly Word[], deps: TellDeps): Promise<Told> {
  const { bucket, stream, load, signal } = deps;
  const prefix = loadPrefix(stream, load);
  const log = await readManifest(bucket, prefix, { signal });
  if (log.seq === 0) throw await loadMissing(bucket, { stream, load }, signal);
  const before = controlOf(log);
  if (words.length === 0) return { before, now: before, isHeard: null };
  assertNotOver(log, deps);
  const { seq } = await appendNote(bucket, prefix, words.map(noteOf), { writer: writerName(), signal });
  const { state, isHeard } = await untilHeard(log, prefix, seq, deps);
  return { before, now: controlOf(state), isHeard };
}

/** Follows the log from before the word of commit `seq` on. */
async function untilHeard(
  log: StreamState,
  prefix: string,
  seq: number,
  { bucket, patienceMs, signal }: TellDeps,
): Promise<{ readonly state: StreamState; readonly isHeard: boolean }> {
  const head = new KnownHead(bucket, prefix);
  const giveUpAt = performance.now() + patienceMs;
  let state = log;
  for (;;) {
    for await (const next of readCommits(bucket, prefix, { signal, after: state, head })) {
      state = foldCommit(state, next);
    }
    if (state.seq >= seq && controlOf(state).isObeyed) return { state, isHeard: true };
    if (performance.now() >= giveUpAt) return { state, isHeard: false };
    await sleep(POLL_MS, signal);
  }
}

function assertNotOver(log: StreamState, { stream, load }: TellDeps): void {
  const cutover = milestoneOf(log, 'cutover');
  if (!cutover) return;
  throw new WaybillError('LOAD_CUT_OVER', `load ${load} of stream ${stream} was cut over at ${cutover.at}`, {
    hint: 'Nothing is loaded any more, so there is nothing to limit or to pause.',
    context: { stream, load },
  });
}
