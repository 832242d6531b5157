/** What one target can do: by its profile, its version, or a probe; and how that was settled. */
import { saysNotSupported } from '@waybill/shared/mongo/driver/classify';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import type { TargetProfile } from '../profiles/profile.ts';
import { type Abilities, type Found, knownAbilities } from '../rules/abilities.ts';
import type { Decision } from '../rules/decisions.ts';
import type { LoadTargetSettings } from '../target.ts';
import { probe, probedAbilities } from './probes.ts';
import { PROBE, updateProgress } from './progress-store.ts';

export interface Capabilities {
  readonly found: Found;
  readonly decisions: readonly Decision[];
}

/** One is found at the takeover, the other says nothing by itself. */
const APART: ReadonlySet<keyof Abilities> = new Set(['refusesLateWrites', 'hasTimestampFlag']);

/** Asks the server what its profile does not know. @throws MONGO_* */
export async function findCapabilities(
  connection: MongoConnection,
  { abilities }: TargetProfile,
  { progressDatabase, signal }: LoadTargetSettings,
): Promise<Capabilities> {
  const known = knownAbilities(abilities, connection.server);
  const byFlag = abilities.keepsEmptyTimestamps === 'probe' && known.hasTimestampFlag;
  const names = probedAbilities(abilities).filter((name) => !(byFlag && name === 'keepsEmptyTimestamps'));
  const probed = await probe(connection, progressDatabase, names, signal);
  const found: Record<keyof Abilities, boolean> = { ...known };
  for (const [name, { able }] of probed) found[name] = able;
  if (byFlag) {
    found.keepsEmptyTimestamps = await takesTimestampFlag(connection, progressDatabase, signal);
  }
  const decisions = (Object.keys(found) as (keyof Abilities)[])
    .filter((name) => !APART.has(name))
    .map((name): Decision => {
      const ability = abilities[name];
      const by = ability === 'probe' ? 'probe' : typeof ability === 'boolean' ? 'profile' : 'version';
      return { name, value: found[name], by, note: probed.get(name as never)?.failure ?? null };
    });
  return { found, decisions };
}

/** Sends the flag with an update that matches nothing. */
async function takesTimestampFlag(
  connection: MongoConnection,
  progressDatabase: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    const fields = { bypassEmptyTsReplacement: true };
    await updateProgress(connection, progressDatabase, [PROBE], { fields, signal });
    return true;
  } catch (error) {
    if (saysNotSupported(error)) return false;
    throw error;
  }
}
