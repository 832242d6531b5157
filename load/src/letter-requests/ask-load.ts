/** Asks a load for something about its dead letters, and waits until it is done. */
import { hasCode, WaybillError } from '@waybill/shared/base/errors';
import { sleep } from '@waybill/shared/base/lifecycle';
import type { Logger } from '@waybill/shared/base/logger';
import { writerName } from '@waybill/shared/base/process-identity';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { readStream } from '@waybill/shared/manifest/identity';
import { loadPrefix, streamPrefix } from '@waybill/shared/manifest/keys';
import { readManifest } from '@waybill/shared/manifest/log';
import { appendNote } from '@waybill/shared/manifest/note';
import { milestoneOf, type StreamState } from '@waybill/shared/manifest/state';
import { boundLoad } from '../progress/log-and-target.ts';
import { readOwner } from '../progress/owner.ts';
import { streamIdentityText } from '../progress/stream-identity.ts';
import { hasEnded } from '../progress/takeover.ts';
import type { Target } from '../target/target.ts';
import { LoadWatch } from '../verify/load-watch.ts';
import {
  answerTo,
  type LetterAnswer,
  type LetterChoice,
  type LetterRequest,
  newRequest,
} from './requests.ts';

export interface AskDeps {
  readonly bucket: Bucket;
  readonly target: Target;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Takes a load over that does not run, and does what was asked. */
  readonly serve: () => Promise<unknown>;
}

export interface Asked {
  readonly stream: string;
  readonly load: string;
  readonly progressDatabase: string | null;
  readonly action: LetterRequest['action'];
  readonly choice: LetterChoice;
  /** Why letters are discarded. */
  readonly reason: string | null;
}

const POLL_MS = 500;

/**
 * A running load answers in its phase of changes. Otherwise this process takes the load over. A
 * crash at any moment leaves a request that the next owner of the load answers.
 * @throws LOAD_CUT_OVER, LOAD_MISSING and others of {@link boundLoad}
 */
export async function askLoad(asked: Asked, deps: AskDeps): Promise<LetterAnswer> {
  const { stream, load } = asked;
  const { bucket, target, logger, signal, serve } = deps;
  const identity = await readStream(bucket, streamPrefix(stream), { signal });
  const { log, sight } = await boundLoad({ ...asked, bucket, target, identity, signal });
  assertNotCutOver(log, asked);
  const prefix = loadPrefix(stream, load);
  const { id, milestone } = newRequest(asked.action, asked.choice, asked.reason);
  await appendNote(bucket, prefix, [milestone], { writer: writerName(), signal });
  const store = target.progress(sight.progressDatabase);
  const watch = new LoadWatch(store, load, streamIdentityText(identity));
  let isTold = false;
  for (;;) {
    const now = await readManifest(bucket, prefix, { signal });
    const answer = answerTo(now, id);
    if (answer) return answer;
    assertNotCutOver(now, asked);
    const owner = await readOwner(store, load, signal);
    const mayRun = owner !== undefined && !hasEnded(owner) && (await watch.look(signal)).runs;
    if (mayRun) {
      if (!isTold)
        logger.info('waiting for the running load, which does this between two commits of changes');
      isTold = true;
      await sleep(POLL_MS, signal);
      continue;
    }
    try {
      await serve();
    } catch (error) {
      // The load was started in the same moment, and answers.
      if (!hasCode(error, 'LOAD_FENCED')) throw error;
    }
  }
}

function assertNotCutOver(log: StreamState, { stream, load }: Asked): void {
  const cutover = milestoneOf(log, 'cutover');
  if (!cutover) return;
  throw new WaybillError('LOAD_CUT_OVER', `load ${load} of stream ${stream} was cut over at ${cutover.at}`, {
    hint: 'The target is in use, so its documents may be newer than the letters. waybill dead-letters show prints the record of a letter: write it yourself where it is needed.',
    context: { stream, load },
  });
}
