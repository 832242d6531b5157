import { WaybillError } from '@waybill/shared/base/errors';
import type { ServerInfo } from '@waybill/shared/mongo/driver/server-info';
import { PROFILES } from '../profiles/all.ts';
import { GENERIC } from '../profiles/generic.ts';
import type { TargetProfile } from '../profiles/profile.ts';
import { REFUSED } from '../profiles/refused.ts';
import type { DecidedBy } from '../rules/decisions.ts';
import { hostNames, isCalled, isGenuine, isRecognised, type Sight } from '../rules/recognition.ts';

const KINDS: readonly TargetProfile[] = Object.values(PROFILES);

/**
 * By what the server has said of itself, and by its hosts, as `mongodb://one:27017,two`. The first
 * that recognises it.
 */
export function detectProfile(
  server: Pick<ServerInfo, 'fields'>,
  url: string,
  commands: Sight['commands'] = new Set(),
): TargetProfile {
  const sight = { server, hosts: hostNames(url), commands };
  return KINDS.find(({ recognition }) => isRecognised(recognition, sight)) ?? GENERIC;
}

/** What told that the server is of this kind. */
export function decidedBy(
  profile: TargetProfile,
  { fields }: Pick<ServerInfo, 'fields'>,
  url: string,
): DecidedBy {
  if (profile === GENERIC) return 'default';
  const isCalledSo = isCalled(profile.recognition, hostNames(url));
  return isCalledSo && !profile.recognition.fields.some((field) => fields.has(field)) ? 'host' : 'server';
}

/** By its hosts alone, before anything is asked. Null where they tell nothing. */
export function guessProfile(url: string): TargetProfile | null {
  const sight = { server: null, hosts: hostNames(url), commands: new Set<string>() };
  return KINDS.find(({ recognition }) => isRecognised(recognition, sight)) ?? null;
}

/** The commands that tell kinds with such host names from one another. */
export function commandsToAsk(url: string): readonly string[] {
  const names = hostNames(url);
  return KINDS.flatMap(({ recognition }) =>
    recognition.command !== null && isCalled(recognition, names) ? [recognition.command] : [],
  );
}

/** @throws TARGET_UNSUPPORTED for a kind that no load writes to */
export function assertNotRefused(server: Sight['server'], url: string): void {
  const sight = { server, hosts: hostNames(url), commands: new Set<string>() };
  const refused = REFUSED.find(({ recognition }) => isRecognised(recognition, sight));
  if (!refused) return;
  const { title, reason } = refused;
  throw new WaybillError('TARGET_UNSUPPORTED', `the target ${url} is ${title}, which Waybill does not load`, {
    hint: `Nothing was written: ${reason}. Load into Azure DocumentDB (vCore) or another kind of target; docs/targets.md has them.`,
    context: { target: url },
  });
}

/** What somebody named and what the server says of itself cannot both be so. */
export function isContradicted(
  named: TargetProfile,
  detected: TargetProfile,
  { fields }: Pick<ServerInfo, 'fields'>,
): boolean {
  if (named === detected || named === GENERIC) return false;
  if (isGenuine({ fields }) || named.recognition.isGenuine) {
    return named.recognition.isGenuine !== isGenuine({ fields });
  }
  return detected.recognition.fields.some((field) => fields.has(field));
}
