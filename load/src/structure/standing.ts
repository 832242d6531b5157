/**
 * Checks at each start that everything this load made on the target is still there; nobody else
 * would say. The next change of a document would make a dropped collection again, with that
 * document alone.
 *
 *   record ── create ── uuid recorded    known to stand there from here on
 *   uuid forgotten ── drop or rename     not known any more: a crash in between accuses nobody
 *
 * A tool that restores a target with its progress may make collections anew, so all uuids differ.
 * The uuid of the progress collection tells: if it differs, the recorded uuids prove nothing. They
 * are recorded anew before the uuid of the progress.
 */

import { WaybillError } from '@waybill/shared/base/errors';
import { findElement } from '@waybill/shared/bson/raw';
import type { StreamState } from '@waybill/shared/manifest/state';
import PQueue from 'p-queue';
import { stateId } from '../progress/keys.ts';
import type { LoadedProgress } from '../progress/progress.ts';
import type { TargetCollection } from '../target/target.ts';
import { attempt, type StructureContext } from './context.ts';
import type { CollectionRecord } from './registry.ts';

type Standing = ReadonlyMap<string, TargetCollection>;

/**
 * @param stream as it is now, with everything that has been applied
 * @param refused how many records became dead letters, at any time
 * @throws TARGET_CHANGED
 */
export async function assertStanding(
  context: StructureContext,
  { finished, phases, progressUuid }: LoadedProgress,
  stream: StreamState,
  refused: number,
): Promise<void> {
  const records = ours(context);
  const progressNow = await uuidOfProgress(context);
  const isRestored = progressUuid !== null && progressUuid !== progressNow;
  const standing = await listStanding(context, records);
  const isThere = ({ namespace }: CollectionRecord): boolean => standing.has(namespace);
  const loaded = phases.snapshotApplied ? byUuid(finished, stream) : byName(finished);
  const documentsOf = ({ namespace, uuid }: CollectionRecord): number =>
    loaded.get(phases.snapshotApplied ? (uuid ?? UNKNOWN) : namespace) ?? 0;
  // Until the snapshot is applied nothing drops, renames or deletes. After it each change deletes
  // at most one document.
  const lost: string[] = [];
  for (const record of records) {
    const isLost = !phases.snapshotApplied && documentsOf(record) > 0 && !isThere(record);
    const loss = await lossOf(context, record, standing, isRestored);
    if (loss !== null || isLost) lost.push(loss ?? `${record.namespace} (gone)`);
  }
  const mayLack = refused + (phases.snapshotApplied ? stream.lastSequence : 0);
  // A time series may expire on the target by itself.
  const filled = records.filter(
    (record) =>
      documentsOf(record) > mayLack && isThere(record) && !findElement(record.options, 'timeseries'),
  );
  for (const record of await empty(context, filled)) {
    lost.push(`${record.namespace} (empty; ${documentsOf(record)} documents were loaded)`);
  }
  if (lost.length > 0) throw changed(context, lost);
  if (isRestored) context.logger.info('the target was restored with its progress; the load goes on there');
  await recordStanding(context, records, standing);
  if (progressUuid !== progressNow) await recordProgressUuid(context, progressNow);
}

/** The uuid of no collection. */
const UNKNOWN = '';
/** Collections asked about at once. */
const CONCURRENCY = 8;

async function empty(
  context: StructureContext,
  records: readonly CollectionRecord[],
): Promise<CollectionRecord[]> {
  const queue = new PQueue({ concurrency: CONCURRENCY });
  const isEmpty = ({ namespace }: CollectionRecord): Promise<boolean> =>
    attempt(context, () => context.target.isEmpty(namespace));
  const answers = await queue.addAll(records.map((record) => () => isEmpty(record)));
  return records.filter((_, index) => answers[index]);
}

/** Records the uuids of new collections: from now on they are known to stand there. */
export async function markStanding(context: StructureContext): Promise<void> {
  const records = ours(context).filter(({ targetUuid }) => targetUuid === null);
  await recordStanding(context, records, await listStanding(context, records));
  await recordProgressUuid(context, await uuidOfProgress(context));
}

async function uuidOfProgress(context: StructureContext): Promise<string | null> {
  const { target } = context;
  const found = await attempt(context, () => target.collection(target.progress.namespace));
  return found?.uuid?.toString('hex') ?? null;
}

async function recordProgressUuid(context: StructureContext, progressUuid: string | null): Promise<void> {
  const { target, ownership } = context;
  const { load, epoch } = ownership.tag;
  const change = { id: stateId(load), when: { epoch }, set: { progressUuid } };
  await attempt(context, () => target.progress.update([change]));
}

/** The same for the collection that one structure change has made. */
export async function markOneStanding(context: StructureContext, namespace: string): Promise<void> {
  const record = context.registry.get(namespace);
  if (!record || record.type === 'view' || record.targetUuid !== null) return;
  const found = await attempt(context, () => context.target.collection(namespace));
  if (found) await recordStanding(context, [record], new Map([[namespace, found]]));
}

/** Called before the load drops or renames the collection. */
export async function forgetStanding(context: StructureContext, namespace: string): Promise<void> {
  const { registry } = context;
  if (!registry.get(namespace)?.targetUuid) return;
  await attempt(context, () => registry.saveTargetUuids(new Map([[namespace, null]])));
}

/** Views hold nothing. */
function ours({ registry }: StructureContext): CollectionRecord[] {
  return registry.all().filter(({ type }) => type === 'collection');
}

async function listStanding(
  context: StructureContext,
  records: readonly CollectionRecord[],
): Promise<Standing> {
  const standing = new Map<string, TargetCollection>();
  const databases = new Set(records.map(({ namespace }) => namespace.slice(0, namespace.indexOf('.'))));
  for (const database of databases) {
    const found = await attempt(context, () => context.target.collections(database));
    for (const collection of found) standing.set(collection.namespace, collection);
  }
  return standing;
}

async function recordStanding(
  context: StructureContext,
  records: readonly CollectionRecord[],
  standing: Standing,
): Promise<void> {
  const uuids = new Map<string, string | null>();
  for (const { namespace } of records) {
    const uuid = standing.get(namespace)?.uuid;
    if (uuid) uuids.set(namespace, uuid.toString('hex'));
  }
  await attempt(context, () => context.registry.saveTargetUuids(uuids));
}

async function lossOf(
  context: StructureContext,
  { namespace, targetUuid }: CollectionRecord,
  standing: Standing,
  isRestored: boolean,
): Promise<string | null> {
  if (targetUuid === null) return null;
  const found = standing.get(namespace);
  if (!found) return `${namespace} (gone)`;
  const { uuid } = found;
  if (isRestored || uuid === null || uuid.toString('hex') === targetUuid) return null;
  const before = Buffer.from(targetUuid, 'hex');
  if (await attempt(context, () => context.target.wasResharded(before, uuid))) return null;
  return `${namespace} (another collection of that name)`;
}

/** Documents that snapshot segments have brought, by namespace. */
function byName(finished: LoadedProgress['finished']): ReadonlyMap<string, number> {
  const documents = new Map<string, number>();
  for (const { namespace, records } of finished) {
    documents.set(namespace, (documents.get(namespace) ?? 0) + records);
  }
  return documents;
}

/** The same by the uuid of the source's collection: names may have changed since. */
function byUuid(
  finished: LoadedProgress['finished'],
  { snapshotSegments }: StreamState,
): ReadonlyMap<string, number> {
  const uuids = new Map(snapshotSegments.map(({ key, collectionUuid }) => [key, collectionUuid]));
  const known = finished.flatMap((segment) => {
    const namespace = uuids.get(segment.key);
    return namespace ? [{ ...segment, namespace }] : [];
  });
  return byName(known);
}

const NAMED = 10;

function changed({ target, settings }: StructureContext, lost: readonly string[]): WaybillError {
  const more = lost.length > NAMED ? ` and ${lost.length - NAMED} more` : '';
  return new WaybillError(
    'TARGET_CHANGED',
    `what load ${settings.load} had written to the target ${target.url} is not there any more: ${lost.slice(0, NAMED).join(', ')}${more}`,
    {
      hint: 'The load cannot write again what it has written before. Restore the target, with the progress of the load; or start a new load (--load) into a target where its collections do not stand yet.',
      context: { load: settings.load, collections: lost.length },
    },
  );
}
