import { hasCode, WaybillError } from '@waybill/shared/base/errors';
import type { Milestone } from '@waybill/shared/manifest/commit';
import { milestoneOf, type StreamState } from '@waybill/shared/manifest/state';
import { LoadLog } from '../progress/load-log.ts';
import { lookAtBoth } from '../progress/log-and-target.ts';
import { streamIdentityText } from '../progress/stream-identity.ts';
import { type Bond, bondMilestone, settleBond, type TargetSight } from '../progress/target-bond.ts';
import type { LoadSettings } from '../settings/load-settings.ts';
import type { StartDeps } from './load-deps.ts';

/** Takes the log's epoch, and binds the log to the target unless it is bound. */
export async function takeLog(
  settings: LoadSettings,
  deps: StartDeps & { readonly giveUp: AbortSignal },
  seen: TargetSight,
): Promise<{ readonly log: LoadLog; readonly bond: Bond }> {
  const name = { load: settings.load, stream: streamIdentityText(deps.identity) };
  let sight = seen;
  const first = (state: StreamState): Milestone[] => {
    // Again: a cutover may have been recorded in between.
    assertNotCutOver(state, settings);
    const { bond, isNew } = settleBond(state, sight, name);
    return isNew ? [bondMilestone(bond)] : [];
  };
  for (;;) {
    try {
      const log = await LoadLog.acquire({ ...deps, ...settings, first });
      return { log, bond: settleBond(log.state, sight, name).bond };
    } catch (error) {
      if (!hasCode(error, 'LOAD_OTHER_TARGET', 'LOAD_PROGRESS_LOST')) throw error;
      // Another start may have bound the log to this very target in between: look again.
      const again = await lookAtBoth({ ...deps, ...settings });
      if (again.sight.owner?.epoch === sight.owner?.epoch) throw error;
      sight = again.sight;
    }
  }
}

/**
 * From its cutover on the target is in use: later changes of the old source must never reach it.
 */
export function assertNotCutOver(log: StreamState, { stream, load }: LoadSettings): void {
  const cutover = milestoneOf(log, 'cutover');
  if (!cutover) return;
  throw new WaybillError('LOAD_CUT_OVER', `load ${load} of stream ${stream} was cut over at ${cutover.at}`, {
    hint: 'The target is on its own now, and nothing is loaded into it any more. For another target choose another --load.',
    context: { stream, load },
  });
}
