import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { MongodbTarget } from '../mongodb/target.ts';
import type { TargetProfile } from '../profiles/profile.ts';
import type { Target } from '../target.ts';
import { detectProfile } from './detect.ts';

type Open = (connection: MongoConnection, profile: TargetProfile) => Target;

const IMPLEMENTATIONS: Readonly<Record<TargetProfile['implementation'], Open>> = {
  mongodb: (connection, profile) => new MongodbTarget(connection, profile),
};

/**
 * The one way to a target: finds its profile by what the server has said of itself, and the
 * implementation that the profile names. The connection stays the caller's, to be closed after it.
 */
export function openTarget(connection: MongoConnection): Target {
  const profile = detectProfile(connection.server, connection.url);
  return IMPLEMENTATIONS[profile.implementation](connection, profile);
}
