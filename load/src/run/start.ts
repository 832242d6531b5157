/** What is looked at before a load takes anything over, and how it takes its log. */
import { hasCode, WaybillError } from '@waybill/shared/base/errors';
import { splitNamespace } from '@waybill/shared/base/record';
import type { Milestone, StreamIdentity } from '@waybill/shared/manifest/commit';
import { milestoneOf, type StreamState } from '@waybill/shared/manifest/state';
import { streamPatterns } from '@waybill/shared/manifest/stream-patterns';
import { assertApart } from '../progress/apart.ts';
import { LoadLog } from '../progress/load-log.ts';
import { lookAtBoth } from '../progress/log-and-target.ts';
import { streamIdentityText } from '../progress/stream-identity.ts';
import { type Bond, bondMilestone, settleBond, type TargetSight } from '../progress/target-bond.ts';
import { type LoadFilter, recordedFilter, settleFilter, takesOf } from '../settings/load-filter.ts';
import type { LoadSettings } from '../settings/load-settings.ts';
import type { Target } from '../target/target.ts';
import { checkFirstStart } from './first-start.ts';
import type { LoadDeps } from './load-deps.ts';

export interface StartDeps extends Pick<LoadDeps, 'bucket' | 'logger' | 'signal' | 'target'> {
  readonly identity: StreamIdentity;
}

/**
 * Before the owner is fenced: a start at a wrong target, or with other options, must not stop one
 * that works. The bond comes before all else that the log says, since that is true of its target
 * alone.
 * @throws FORMAT_UNSUPPORTED, CONFIG_INVALID, LOAD_CUT_OVER, LOAD_OPTIONS_CHANGED,
 *   TARGET_IS_SOURCE, TARGET_PROGRESS_COLLISION, {@link settleBond}
 */
export async function assertStartable(
  settings: LoadSettings,
  deps: StartDeps & { readonly stream: StreamState },
): Promise<TargetSight> {
  const { identity, stream } = deps;
  assertLoadable(identity, settings);
  const { log, sight } = await lookAtBoth({ ...deps, ...settings });
  settleBond(log, sight, { load: settings.load, stream: streamIdentityText(identity) });
  assertNotCutOver(log, settings);
  if (log.seq === 0) await checkFirstStart(settings, stream, deps);
  const patterns = streamPatterns(identity, stream);
  const filter = settleFilter(settings, recordedFilter(log), identity, settings.load, patterns);
  const namespaces = knownNamespaces(stream, filter);
  await deps.target.assertWritableById(namespaces, deps.signal);
  if (!sight.owner) await assertRoom(deps.target, namespaces, sight.progressDatabase, deps.signal);
  return sight;
}

/**
 * At the first start, when all of it can still be decided otherwise. @throws
 * TARGET_PROGRESS_COLLISION, MONGO_UNAUTHORIZED
 */
async function assertRoom(
  target: Target,
  namespaces: readonly string[],
  progressDatabase: string,
  signal: AbortSignal,
): Promise<void> {
  await assertApart(target, namespaces, progressDatabase, signal);
  const databases = new Set(namespaces.map((namespace) => splitNamespace(namespace).database));
  await target.assertPrivileges([...databases], signal);
}

/** Of the collections and views that the load takes, those that the stream tells of by now. */
function knownNamespaces({ collections, currentCollections }: StreamState, filter: LoadFilter): string[] {
  return [...new Set([...collections.keys(), ...currentCollections.keys()])].filter(takesOf(filter));
}

/** Takes the log's epoch, and with it binds the log to the target where it is not bound yet. */
export async function takeLog(
  settings: LoadSettings,
  deps: StartDeps & { readonly giveUp: AbortSignal },
  seen: TargetSight,
): Promise<{ readonly log: LoadLog; readonly bond: Bond }> {
  const name = { load: settings.load, stream: streamIdentityText(deps.identity) };
  let sight = seen;
  const first = (state: StreamState): Milestone[] => {
    // Again: it may have been recorded in between.
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
      // Another start may have come in between, into this very target: then that is what keeps us
      // out.
      const again = await lookAtBoth({ ...deps, ...settings });
      if (again.sight.owner?.epoch === sight.owner?.epoch) throw error;
      sight = again.sight;
    }
  }
}

/**
 * The target is in use from its cutover on: what the old source goes on saying must never reach it.
 */
function assertNotCutOver(log: StreamState, { stream, load }: LoadSettings): void {
  const cutover = milestoneOf(log, 'cutover');
  if (!cutover) return;
  throw new WaybillError('LOAD_CUT_OVER', `load ${load} of stream ${stream} was cut over at ${cutover.at}`, {
    hint: 'The target is on its own now, and nothing is loaded into it any more. For another target choose another --load.',
    context: { stream, load },
  });
}

function assertLoadable(
  { images, stream }: StreamIdentity,
  { progressDatabase, ...settings }: LoadSettings,
): void {
  if (images === 'none') {
    throw new WaybillError('FORMAT_UNSUPPORTED', `stream ${stream} was captured without document images`, {
      hint: 'A load needs whole documents: capture with --images=lookup or --images=post into a new stream.',
      context: { stream, load: settings.load },
    });
  }
  if (progressDatabase !== null && ['admin', 'config', 'local', ''].includes(progressDatabase)) {
    throw new WaybillError('CONFIG_INVALID', `progress cannot be kept in the database ${progressDatabase}`);
  }
}
