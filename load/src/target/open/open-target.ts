/** The ways to a target. */
import { WaybillError } from '@waybill/shared/base/errors';
import type { Logger } from '@waybill/shared/base/logger';
import { saysNotSupported } from '@waybill/shared/mongo/driver/classify';
import { type ConnectOptions, connect } from '@waybill/shared/mongo/driver/connect';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { hostsOf, uriDatabase } from '@waybill/shared/mongo/driver/uri';
import { MongodbTarget, type Opening } from '../mongodb/target.ts';
import { PROFILES } from '../profiles/all.ts';
import type { TargetKind, TargetProfile } from '../profiles/profile.ts';
import { applyRules, assertRulesOfVersion } from '../rules/connection.ts';
import type { Target } from '../target.ts';
import {
  assertNotRefused,
  commandsToAsk,
  decidedBy,
  detectProfile,
  guessProfile,
  isContradicted,
} from './detect.ts';

type Open = (connection: MongoConnection, profile: TargetProfile, opening: Opening) => Target;

const IMPLEMENTATIONS: Readonly<Record<TargetProfile['implementation'], Open>> = {
  mongodb: (connection, profile, opening) => new MongodbTarget(connection, profile, opening),
};

/**
 * Finds the target's profile by what the server has said of itself, and opens the implementation
 * that the profile names. The connection stays the caller's, to be closed after it.
 */
export function openTarget(connection: MongoConnection): Target {
  const { server, url } = connection;
  const profile = detectProfile(server, url);
  return open(connection, profile, { database: null, kindBy: decidedBy(profile, server, url) });
}

function open(connection: MongoConnection, profile: TargetProfile, opening: Opening): Target {
  return IMPLEMENTATIONS[profile.implementation](connection, profile, opening);
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
    const kindBy = named ? 'option' : decidedBy(profile, server, url);
    const target = open(connection, profile, { database: uriDatabase(uri) || null, kindBy });
    return { target, connection };
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
