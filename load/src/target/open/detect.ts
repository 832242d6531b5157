import type { ServerInfo } from '@waybill/shared/mongo/driver/server-info';
import { MONGODB } from '../profiles/mongodb.ts';
import type { TargetProfile } from '../profiles/profile.ts';

/**
 * The first that recognises the server is its profile. MongoDB's recognises all, so it is the last.
 */
const PROFILES: readonly [...TargetProfile[], typeof MONGODB] = [MONGODB];

export function detectProfile(server: ServerInfo): TargetProfile {
  return PROFILES.find((profile) => profile.recognises(server)) ?? MONGODB;
}
