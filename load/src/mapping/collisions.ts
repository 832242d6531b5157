/** Two collections of the source that would be one on the target. */
import { WaybillError } from '@waybill/shared/base/errors';
import { splitNamespace } from '@waybill/shared/base/record';
import { bothNames, type NameMapping } from './name-mapping.ts';

/** Names in a message. */
const NAMED = 5;

/**
 * The source's own names are apart, so only a mapping can make them meet.
 * @param sources names that stand on the source at one moment
 * @throws LOAD_NAME_COLLISION, LOAD_NAME_INVALID
 */
export function assertApartOnTarget(sources: Iterable<string>, mapping: NameMapping): void {
  if (mapping.isIdentity) return;
  const taken = new Map<string, string>();
  const databases = new Map<string, string>();
  const found: string[] = [];
  for (const source of sources) {
    const target = mapping.target(source);
    const other = taken.get(target);
    if (other !== undefined && other !== source) found.push(`${other} and ${source} (both ${target})`);
    taken.set(target, source);
    const alike = otherCase(target, databases);
    if (alike !== null)
      found.push(
        `${alike} and ${splitNamespace(target).database} (a server refuses databases that differ in capital letters alone)`,
      );
  }
  if (found.length === 0) return;
  const more = found.length > NAMED ? ` and ${found.length - NAMED} more` : '';
  throw new WaybillError(
    'LOAD_NAME_COLLISION',
    `on the target these would have one name: ${found.slice(0, NAMED).join(', ')}${more}`,
    {
      hint: "Give each a name of its own, for instance --map '*.*=main.{db}_{coll}', or leave one out with --exclude. Nothing was written.",
      context: { collisions: found.length },
    },
  );
}

/** The database in the list that differs from the name's in capital letters alone. */
function otherCase(target: string, databases: Map<string, string>): string | null {
  const { database } = splitNamespace(target);
  const key = database.toLowerCase();
  const known = databases.get(key);
  if (known === undefined) databases.set(key, database);
  return known === undefined || known === database ? null : known;
}

/** For a load that is under way: its rules are fixed, and it stops before it writes there. */
export function nameTaken(target: string, source: string, holder: string): WaybillError {
  return new WaybillError(
    'LOAD_NAME_COLLISION',
    `the source has ${source} now, which would be ${target} on the target, where ${holder} stands`,
    {
      hint: `Everything before it is applied, and this load cannot go on. Start another load (--load), into a target that has none of its collections, with a --map that gives ${bothNames(target, source)} a name of its own; or with --exclude ${source}.`,
      context: { namespace: source, target },
    },
  );
}
