import { randomUUID } from 'node:crypto';
import { WaybillError } from '../base/errors.ts';
import { throwIfAborted } from '../base/lifecycle.ts';
import type { Bucket } from '../bucket/bucket.ts';
import { nextCommit, putCommit, signature } from './append.ts';
import type { Commit, Milestone } from './commit.ts';
import { foldCommit } from './fold.ts';
import { readManifest } from './log.ts';
import type { LogOptions } from './options.ts';

export interface NoteOptions extends LogOptions {
  /** This process, for people. */
  readonly writer: string;
}

/**
 * Records milestones in a log that another process may own and be writing to, without fencing it.
 * It is no failure to lose a number to the owner: the next number is tried, each time with the
 * epoch of that moment.
 * @throws STREAM_MISSING if there is no log
 */
export async function appendNote(
  bucket: Bucket,
  prefix: string,
  milestones: readonly Milestone[],
  options: NoteOptions,
): Promise<Commit> {
  const { signal } = options;
  const writer = signature(options.writer, bucket);
  let state = await readManifest(bucket, prefix, options);
  if (state.seq === 0) {
    throw new WaybillError(
      'STREAM_MISSING',
      `there is no log under ${prefix} in ${bucket.url} to note this in`,
      {
        hint: 'Start a capture or load first, or check --bucket, --stream and --load.',
        context: { prefix },
      },
    );
  }
  for (;;) {
    throwIfAborted(signal);
    const author = { epoch: state.epoch, writer, attempt: randomUUID() };
    const next = nextCommit(state, author, { milestones, note: true });
    const winner = await putCommit(bucket, prefix, next, options);
    if (!winner) return next.commit;
    state = foldCommit(state, winner);
  }
}
