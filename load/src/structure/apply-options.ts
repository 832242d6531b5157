/**
 * Makes a collection or view, and changes its options, without the parts that the target refuses. A
 * refused view is left out. A collection is made without as few options as possible, and never
 * without options on which documents depend: a capped collection that is not capped would hold
 * other documents.
 */

import { WaybillError } from '@waybill/shared/base/errors';
import { elements } from '@waybill/shared/bson/raw';
import { optionName } from '@waybill/shared/mongo/facts/coll-mod';
import type { Fields } from '../target/target.ts';
import { isRefusal, refusalText } from './blocked.ts';
import { attempt, type StructureContext } from './context.ts';
import type { BlockedPart, CollectionRecord } from './registry.ts';

/** Documents depend on these. */
const NEEDED: ReadonlySet<string> = new Set(['capped', 'size', 'max']);
/** An option that says nothing without the other one. */
const TOGETHER: ReadonlyMap<string, string> = new Map([
  ['validationLevel', 'validator'],
  ['validationAction', 'validator'],
  ['viewOn', 'pipeline'],
  ['expireAfterSeconds', 'clusteredIndex'],
]);
/** With more groups, trying every set would take too long: then all are left out. */
const TRIED_GROUPS = 6;

/**
 * Creates what the record says, and returns the record as it is then. It writes down what is left
 * out before each try: after a crash, what stands there lacks exactly that.
 * @throws TARGET_UNSUPPORTED where nothing helps
 */
export async function createAsFarAsTaken(
  context: StructureContext,
  record: CollectionRecord,
  fields: Fields,
): Promise<CollectionRecord> {
  const refusals = new Map<string, WaybillError>();
  for (const left of setsToLeave(record, fields)) {
    const tried = await saveBlocked(
      context,
      record,
      left.flatMap((name) => parts(record, name, left, refusals)),
    );
    const taken = fields.filter(([name]) => !left.includes(groupOf(name)));
    const refusal = await refusalOf(context, () =>
      context.target.create(record.namespace, taken, context.ownership.tag),
    );
    if (!refusal) return tried;
    refusals.set(keyOf(left), refusal);
  }
  const refusal = refusals.get(keyOf([]))!;
  if (record.type === 'collection') throw cannotStand(record.namespace, refusal);
  return saveBlocked(context, record, [{ option: null, reason: refusalText(refusal) }]);
}

/** collMod, as far as the target takes it. */
export async function modifyAsFarAsTaken(
  context: StructureContext,
  record: CollectionRecord,
  fields: Fields,
): Promise<CollectionRecord> {
  const { target, ownership } = context;
  const change = (some: Fields): Promise<WaybillError | null> =>
    refusalOf(context, () => target.modify(record.namespace, some, ownership.tag));
  const groups = groupsOf(fields);
  const whole = await change(fields);
  const refused: BlockedPart[] = [];
  for (const group of whole ? groups : []) {
    const some = fields.filter(([name]) => groupOf(name) === group);
    const refusal = groups.length === 1 ? whole : await change(some);
    if (!refusal) continue;
    const reason = refusalText(refusal);
    refused.push(...some.map(([name]): BlockedPart => ({ option: optionName(name), reason })));
  }
  const changed = new Set(fields.map(([name]) => optionName(name)));
  const others = record.blocked.filter(({ option }) => option === null || !changed.has(option));
  const after = await saveBlocked(context, record, [...others, ...refused]);
  if (refused.length > 0) tellBlocked(context, after);
  return after;
}

export function tellBlocked({ logger }: Pick<StructureContext, 'logger'>, record: CollectionRecord): void {
  for (const { option, reason, unmapped } of record.blocked) {
    const what = option === null ? 'a view' : 'an option';
    const why = unmapped ? '--map leaves no place for' : 'the target refused';
    logger.warn(`${why} ${what}: the cutover will ask for it`, {
      namespace: record.namespace,
      ...(option !== null && { option }),
      reason,
    });
  }
}

/** Leaves out parts that the mapping of names has no place for. */
export async function leaveOut(
  context: StructureContext,
  record: CollectionRecord,
  options: readonly (string | null)[],
  reason: string,
): Promise<CollectionRecord> {
  const parts = options.map((option): BlockedPart => ({ option, reason, unmapped: true }));
  const others = record.blocked.filter(({ option }) => !options.includes(option));
  return saveBlocked(context, record, [...others, ...parts]);
}

export async function saveBlocked(
  context: StructureContext,
  record: CollectionRecord,
  blocked: readonly BlockedPart[],
): Promise<CollectionRecord> {
  const known = context.registry.get(record.namespace) ?? record;
  if (JSON.stringify(known.blocked) === JSON.stringify(blocked)) return { ...record, blocked };
  const changed = { ...record, blocked };
  await attempt(context, () => context.registry.save(changed));
  return changed;
}

async function refusalOf(
  context: StructureContext,
  operation: () => Promise<unknown>,
): Promise<WaybillError | null> {
  try {
    await attempt(context, operation);
    return null;
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return error;
  }
}

/** Sets of groups to leave out, smaller ones first; the first one is empty. */
function setsToLeave({ type }: CollectionRecord, fields: Fields): string[][] {
  if (type === 'view') return [[]];
  const groups = groupsOf(fields).filter((name) => !NEEDED.has(name));
  if (groups.length > TRIED_GROUPS) return [[], ...groups.map((name) => [name]), groups];
  const sets = Array.from({ length: 2 ** groups.length }, (_, bits) =>
    groups.filter((_name, at) => (bits >> at) % 2 === 1),
  );
  return sets.sort((a, b) => a.length - b.length);
}

function groupsOf(fields: Fields): string[] {
  return [...new Set(fields.map(([name]) => groupOf(name)))];
}

function groupOf(name: string): string {
  return TOGETHER.get(name) ?? name;
}

function keyOf(left: readonly string[]): string {
  return JSON.stringify([...left].sort());
}

/**
 * Gives the reason why a group is left out: what the target said when only the others of the set
 * were left out.
 */
function parts(
  { options }: CollectionRecord,
  group: string,
  left: readonly string[],
  refusals: ReadonlyMap<string, WaybillError>,
): BlockedPart[] {
  const refusal = refusals.get(keyOf(left.filter((name) => name !== group))) ?? refusals.get(keyOf([]))!;
  const reason = refusalText(refusal);
  const names = [...elements(options)].map(({ name }) => name).filter((name) => groupOf(name) === group);
  return names.map((option) => ({ option, reason }));
}

function cannotStand(namespace: string, refusal: WaybillError): WaybillError {
  return new WaybillError(
    'TARGET_UNSUPPORTED',
    `${namespace} cannot stand on the target: ${refusalText(refusal)}`,
    {
      hint: `Leave it out in another load: --load with a new name and --exclude ${namespace}, into a target on which none of its collections hold documents yet.`,
      context: { namespace },
      cause: refusal,
    },
  );
}
