/** The ways to a target. */
import { WaybillError } from '@waybill/shared/base/errors';
import type { Logger } from '@waybill/shared/base/logger';
import { saysNotSupported } from '@waybill/shared/mongo/driver/classify';
import { type ConnectOptions, connect } from '@waybill/shared/mongo/driver/connect';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { hostsOf, uriDatabase } from '@waybill/shared/mongo/driver/uri';
import { MongodbTarget } from '../mongodb/target.ts';
import { PROFILES } from '../profiles/all.ts';
import type { TargetKind, TargetProfile } from '../profiles/profile.ts';
import { applyRules, assertRulesOfVersion } from '../rules/connection.ts';
import type { Target } from '../target.ts';
import { assertNotRefused, commandsToAsk, detectProfile, guessProfile, isContradicted } from './detect.ts';

type Open = (connection: MongoConnection, profile: TargetProfile, database: string | null) => Target;

const IMPLEMENTATIONS: Readonly<Record<TargetProfile['implementation'], Open>> = {
  mongodb: (connection, profile, database) => new MongodbTarget(connection, profile, database),
};

/**
 * Finds the target's profile by what the server has said of itself, unless it is given, and opens
 * the implementation that the profile names. The connection stays the caller's, to be closed after
 * it. `database` is the one that its connection string names.
 */
export function openTarget(
  connection: MongoConnection,
  profile = detectProfile(connection.server, connection.url),
  database: string | null = null,
): Target {
  return IMPLEMENTATIONS[profile.implementation](connection, profile, database);
}

export interface ConnectTargetOptions extends Omit<ConnectOptions, 'role'> {
  /** Null: as it is recognised. */
  readonly kind: TargetKind | null;
  readonly logger: Logger;
}

export interface ConnectedTarget {
  readonly target: Target;
  readonly connection: MongoConnection;
}

/**
 * Connects with the options that this kind of target needs: that of `kind`, or else of its hosts.
 * @throws MONGO_*, TARGET_UNSUPPORTED
 */
export async function connectTarget(
  uri: string,
  { kind, logger, ...options }: ConnectTargetOptions,
): Promise<ConnectedTarget> {
  const url = hostsOf(uri);
  assertNotRefused(null, url);
  const named = kind === null ? null : PROFILES[kind];
  const expected = named ?? guessProfile(url);
  const ruled = expected ? applyRules(uri, expected) : uri;
  const connection = await connect(ruled, { role: 'target', ...options });
  try {
    const { server } = connection;
    assertNotRefused(server, url);
    const detected = detectProfile(server, url, await commandsOf(connection, options.signal));
    if (named && isContradicted(named, detected, server)) {
      logger.warn('the target says that it is of another kind than --target-kind; going by the option', {
        targetKind: named.kind,
        recognised: detected.kind,
      });
    }
    const profile = named ?? detected;
    assertRulesOfVersion(uri, profile, server);
    return { target: openTarget(connection, profile, uriDatabase(uri) || null), connection };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

async function commandsOf(
  connection: MongoConnection,
  signal: AbortSignal | undefined,
): Promise<ReadonlySet<string>> {
  const has = new Set<string>();
  for (const command of commandsToAsk(connection.url)) {
    try {
      await connection.command('admin', { [command]: 1 }, { signal });
      has.add(command);
    } catch (error) {
      if (!saysNotSupported(error) && !(error instanceof WaybillError && error.code === 'MONGO_UNAUTHORIZED'))
        throw error;
    }
  }
  return has;
}
