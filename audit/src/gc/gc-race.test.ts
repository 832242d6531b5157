/**
 * Collecting with no age at all, beside captures that upload, commit, die and take over: no commit
 * ever loses a file.
 */

import { hasCode } from '@waybill/shared/base/errors';
import { SampleStream, STREAM } from '@waybill/test/support/audit/damaged-streams';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { runFsck } from '../fsck/fsck.ts';
import { newFsckStats } from '../fsck/stats.ts';
import { runGc } from './gc.ts';

const step = fc.constantFrom<'commit' | 'upload and die' | 'fenced'>('commit', 'upload and die', 'fenced');

it('never deletes what a commit names', { timeout: 120_000 }, async () => {
  let collected = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      await using stream = await SampleStream.whole();
      let done = false;
      const collecting = (async () => {
        do {
          const report = await runGc({ stream: STREAM, minAge: 0, delete: true }, { bucket: stream.bucket });
          collected += report.count;
        } while (!done);
      })();
      // A failure is met below.
      collecting.catch(() => undefined);
      for (const each of steps) {
        if (each === 'commit') await stream.changes(7);
        else if (each === 'upload and die') {
          await stream.uploadChanges(7, { from: stream.writer.state.lastSequence + 1 });
          await stream.restart();
        } else await tryFenced(stream);
      }
      done = true;
      await collecting;
      const report = await runFsck(
        { stream: STREAM, deep: true },
        { bucket: stream.bucket, stats: newFsckStats() },
      );
      expect(report).toMatchObject({ damages: 0, lastSequence: stream.writer.state.lastSequence });
    }),
    { numRuns: 15 },
  );
  expect(collected).toBeGreaterThan(0);
});

/**
 * An owner wakes up with a file uploaded, after another has taken the stream over: it can commit it
 * never again.
 */
async function tryFenced(stream: SampleStream): Promise<void> {
  const { writer } = stream;
  const segment = await stream.uploadChanges(7, { from: writer.state.lastSequence + 1 });
  await stream.restart();
  const late = writer.commit({ segments: [segment], lastSequence: segment.lastSequence! });
  await expect(late).rejects.toSatisfy((error) => hasCode(error, 'MANIFEST_FENCED'));
}
