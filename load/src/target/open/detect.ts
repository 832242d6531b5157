import type { ServerInfo } from '@waybill/shared/mongo/driver/server-info';
import { PROFILES } from '../profiles/all.ts';
import { GENERIC } from '../profiles/generic.ts';
import type { TargetProfile } from '../profiles/profile.ts';
import { hostNames, isRecognised } from '../rules/recognition.ts';

/** By what the server has said of itself, and by its hosts, as `mongodb://one:27017,two`. */
export function detectProfile(server: Pick<ServerInfo, 'fields'>, url: string): TargetProfile {
  const sight = { server, hosts: hostNames(url) };
  return Object.values(PROFILES).find(({ recognition }) => isRecognised(recognition, sight)) ?? GENERIC;
}
