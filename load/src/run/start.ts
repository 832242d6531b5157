/** The checks before a load takes anything over. */
import { WaybillError } from '@waybill/shared/base/errors';
import { splitNamespace } from '@waybill/shared/base/record';
import type { StreamIdentity } from '@waybill/shared/manifest/commit';
import type { StreamState } from '@waybill/shared/manifest/state';
import { streamPatterns } from '@waybill/shared/manifest/stream-patterns';
import { assertCollectionNames } from '../checks/check-collection.ts';
import { assertApartOnTarget } from '../mapping/collisions.ts';
import type { NameMapping, NamePair } from '../mapping/name-mapping.ts';
import { settleMapping } from '../mapping/settle-mapping.ts';
import { assertApart } from '../progress/apart.ts';
import { lookAtBoth } from '../progress/log-and-target.ts';
import { streamIdentityText } from '../progress/stream-identity.ts';
import { settleBond, type TargetSight } from '../progress/target-bond.ts';
import { recordedFilter, settleFilter, type Takes, takesOf } from '../settings/load-filter.ts';
import type { LoadSettings } from '../settings/load-settings.ts';
import type { Target } from '../target/target.ts';
import { checkFirstStart } from './first-start.ts';
import { assertFree } from './free-names.ts';
import type { StartDeps } from './load-deps.ts';
import { assertNotCutOver } from './take-log.ts';

/**
 * Comes before the owner is fenced: a start at a wrong target, or with other options, must not stop
 * a load that works. The bond is checked first, since the rest of the log is true of its target
 * alone.
 * @throws FORMAT_UNSUPPORTED, CONFIG_INVALID, LOAD_CUT_OVER, LOAD_OPTIONS_CHANGED,
 *   LOAD_NAME_COLLISION, LOAD_NAME_INVALID, TARGET_IS_SOURCE, TARGET_PROGRESS_COLLISION,
 *   {@link settleBond}
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
  const mapping = settleMapping(settings.map, log, settings);
  const takes = takesOf(filter);
  if (!sight.owner) {
    // Each by itself: these are the collections of one moment.
    assertApartOnTarget([...stream.collections.keys()].filter(takes), mapping);
    assertApartOnTarget([...stream.currentCollections.keys()].filter(takes), mapping);
  }
  const names = knownNames(stream, takes, mapping);
  const namespaces = names.map(({ namespace }) => namespace);
  assertCollectionNames(deps.target.profile, names);
  assertReachable(deps.target, namespaces);
  // A key that stays unknown ends the load here, before it writes anything.
  await deps.target.shardKeys(namespaces, deps.signal);
  if (!sight.owner) await assertRoom(deps.target, names, { ...sight, load: settings.load }, deps.signal);
  return sight;
}

/**
 * At the first start, when the operator can still decide otherwise.
 * @throws TARGET_PROGRESS_COLLISION, TARGET_NOT_EMPTY, MONGO_UNAUTHORIZED
 */
async function assertRoom(
  target: Target,
  names: readonly NamePair[],
  ours: { readonly load: string; readonly progressDatabase: string },
  signal: AbortSignal,
): Promise<void> {
  await assertApart(target, names, ours.progressDatabase, signal);
  await assertFree(target, names, ours, signal);
  const databases = new Set(names.map(({ namespace }) => splitNamespace(namespace).database));
  await target.assertPrivileges([...databases], signal);
}

/** @throws TARGET_UNSUPPORTED for collections of databases that the target does not have */
function assertReachable({ onlyDatabase, url }: Target, namespaces: readonly string[]): void {
  if (onlyDatabase === null) return;
  const other = namespaces.find((namespace) => splitNamespace(namespace).database !== onlyDatabase);
  if (other === undefined) return;
  throw new WaybillError(
    'TARGET_UNSUPPORTED',
    `the target ${url} has one database, ${onlyDatabase}, and the load would write ${other}`,
    {
      hint: `Nothing was written. Give the load names in that database, as --map '*.*=${onlyDatabase}.{db}_{coll}' does; or let it take less (--include).`,
      context: { namespace: other, database: onlyDatabase },
    },
  );
}

/** The collections and views of the stream so far that the load takes. */
function knownNames(
  { collections, currentCollections }: StreamState,
  takes: Takes,
  mapping: NameMapping,
): NamePair[] {
  const names = new Set([...collections.keys(), ...currentCollections.keys()].filter(takes));
  return [...names].map((source) => mapping.pair(source));
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
