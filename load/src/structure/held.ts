/** Whose a collection on the target is: this load's, another load's, or somebody's own. */

import { WaybillError } from '@waybill/shared/base/errors';
import { splitNamespace } from '@waybill/shared/base/record';
import { nameTaken } from '../mapping/collisions.ts';
import { bothNames, type NamePair } from '../mapping/name-mapping.ts';
import { ownerId } from '../progress/keys.ts';
import type { CollectionHolder, ProgressStore } from '../target/progress-store.ts';
import type { TargetCollection } from '../target/target.ts';
import { attempt, type StructureContext } from './context.ts';

/**
 * The load holds nothing else of the source under that name. Two databases of the target differ in
 * more than capital letters.
 * @throws LOAD_NAME_COLLISION
 */
export function assertOwnName(
  { registry, mapping }: StructureContext,
  { namespace, source }: NamePair,
): void {
  if (mapping.isIdentity) return;
  const standing = registry.get(namespace);
  if (standing && standing.source !== source) throw nameTaken(namespace, source, standing.source);
  if (standing) return;
  const { database } = splitNamespace(namespace);
  const alike = registry.databasesLike(database).find((other) => other !== database);
  if (alike !== undefined) throw nameTaken(namespace, source, `the database ${alike}`);
}

/**
 * An empty collection may be another load's that has just begun. @throws TARGET_NOT_EMPTY
 */
export async function assertNotHeld(context: StructureContext, existing: TargetCollection): Promise<void> {
  const { target, settings } = context;
  const { namespace } = existing;
  const ask: Ask = (operation) => attempt(context, operation);
  const holders = await ask(() => target.progress.holders([namespace]));
  const others = holders.filter(({ load }) => load !== settings.load);
  if (isHeld(existing, others)) throw await heldByLoad(namespace, target.url, target.progress, ask);
}

/** One of these loads holds this very collection, as far as it is known. */
export function isHeld(
  { namespace, uuid }: Pick<TargetCollection, 'namespace' | 'uuid'>,
  holders: readonly CollectionHolder[],
): boolean {
  const hex = uuid?.toString('hex');
  return holders.some(
    (each) => each.namespace === namespace && (each.targetUuid === null || each.targetUuid === hex),
  );
}

/** Repeats what fails in passing. */
type Ask = <T>(operation: () => Promise<T>) => Promise<T>;

export async function heldByLoad(
  namespace: string,
  url: string,
  progress: ProgressStore,
  ask: Ask,
): Promise<WaybillError> {
  return new WaybillError(
    'TARGET_NOT_EMPTY',
    `${namespace} on the target ${url} is another load's, and two loads cannot write one collection`,
    { hint: await hintFor(progress, namespace, ask), context: { namespace } },
  );
}

/** @throws TARGET_NOT_EMPTY */
export async function assertEmpty(context: StructureContext, { namespace, source }: NamePair): Promise<void> {
  if (await attempt(context, () => context.target.isEmpty(namespace))) return;
  throw new WaybillError(
    'TARGET_NOT_EMPTY',
    `${bothNames(namespace, source)} on the target ${context.target.url} holds documents that this load did not write`,
    {
      hint: await hintFor(context.target.progress, namespace, (operation) => attempt(context, operation)),
      context: { namespace },
    },
  );
}

async function hintFor(progress: ProgressStore, namespace: string, ask: Ask): Promise<string> {
  const whose = await whoseItIs(progress, namespace, ask);
  return `${whose} A new load (--load) can leave it out with --exclude, or give it another name with --map.`;
}

/** Says whose the collection is, as far as progress on the target proves it. */
async function whoseItIs(progress: ProgressStore, namespace: string, ask: Ask): Promise<string> {
  const by = `By the progress in ${progress.namespace}`;
  const loads = (await ask(() => progress.holders([namespace]))).map(({ load }) => load);
  if (loads.length === 0) return `${by} no load made it: it is somebody's own. Load into another deployment.`;
  const ended: string[] = [];
  for (const load of loads) if (await wasCutOver(progress, load, ask)) ended.push(load);
  if (ended.length > 0) {
    return `${by} it is of the load ${ended.join(', ')}, which a cutover has ended: an application may use it by now. Load into another deployment.`;
  }
  return `${by} it is of the load ${loads.join(', ')}: go on with that one (--load), or load into another deployment.`;
}

/** True also where the cutover was given up, until the load goes on. */
async function wasCutOver(progress: ProgressStore, load: string, ask: Ask): Promise<boolean> {
  const owners = await ask(() => progress.find(ownerId(load)));
  return typeof owners[0]?.cutover === 'string';
}
