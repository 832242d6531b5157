import { formatClusterTime, parseClusterTime } from '@waybill/shared/base/position';
import { DEFAULT_RETRY, retry } from '@waybill/shared/base/retry';
import type { Milestone } from '@waybill/shared/manifest/commit';
import { readManifest } from '@waybill/shared/manifest/log';
import { currentOperationTime } from '@waybill/shared/mongo/facts/operation-time';
import type { LoadWatch } from '../verify/load-watch.ts';
import { type CutoverContext, note } from './context.ts';
import { assertNotPaused, captureStalled, loadStalled, type Reached, waitForMilestone } from './wait.ts';

export interface Drained {
  /** The source's operation time at the call. */
  readonly writesStopped: string;
  /** The stream's log up to and with the commit that reached it. */
  readonly capture: Reached;
}

/**
 * Resolves when everything that the source had acknowledged at the call is on the target.
 * @throws CUTOVER_NOT_READY where capture or load stands still
 */
export async function drain(
  context: CutoverContext,
  watch: LoadWatch,
  evidence: NonNullable<Milestone['evidence']>,
): Promise<Drained> {
  const { bucket, loadPrefix, signal, onStep } = context;
  const { load, wait } = context.settings;
  assertNotPaused(await readManifest(bucket, loadPrefix, { signal }), load);
  const drained = await drainCapture(context, evidence);
  const time = parseClusterTime(drained.writesStopped)!;
  onStep('waiting for load');
  await waitForMilestone(
    bucket,
    loadPrefix,
    {
      name: 'drained',
      time,
      timeOf: (milestone) => String(milestone.evidence?.streamClusterTime ?? ''),
    },
    () => loadStalled(load),
    {
      signal,
      wait,
      silentMs: async () => (await watch.look(signal)).silentMs,
      assertGoesOn: (log) => assertNotPaused(log, load),
    },
  );
  return drained;
}

/**
 * Resolves when everything that the source had acknowledged at the call is in the bucket.
 * @throws CUTOVER_NOT_READY where capture stands still
 */
export async function drainCapture(
  context: CutoverContext,
  evidence: NonNullable<Milestone['evidence']>,
): Promise<Drained> {
  const { bucket, source, streamPrefix, signal, onStep } = context;
  const { stream, wait } = context.settings;
  // Read before the time is taken: no drain that this log tells of reaches that far, so the wait
  // ends at the very commit that does.
  const from = await readManifest(bucket, streamPrefix, { signal });
  const time = await retry(() => currentOperationTime(source, { signal }), DEFAULT_RETRY, { signal });
  const writesStopped = formatClusterTime(time);
  await note(context, { name: 'writes-stopped', clusterTime: writesStopped, sequence: null, evidence });
  onStep('waiting for capture');
  const capture = await waitForMilestone(
    bucket,
    streamPrefix,
    { name: 'drained', time, timeOf: ({ clusterTime }) => clusterTime },
    () => captureStalled(stream),
    { signal, wait, from },
  );
  return { writesStopped, capture };
}
