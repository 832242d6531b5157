/** A target of MongoDB's kind. */
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { type ClusterIdentity, clusterIdentity } from '@waybill/shared/mongo/facts/cluster-identity';
import { ConnectionReader } from '../../reading/connection-reader.ts';
import type { DocumentReader } from '../../reading/document-reader.ts';
import type { TargetProfile } from '../profiles/profile.ts';
import type { ProgressStore } from '../progress-store.ts';
import { type Found, knownAbilities } from '../rules/abilities.ts';
import type { DecidedBy } from '../rules/decisions.ts';
import { assessedRules, type DocumentRules } from '../rules/documents.ts';
import type { LoadTarget, LoadTargetSettings, ShardKey, Target } from '../target.ts';
import { addressIdentity } from './address-identity.ts';
import { openLoadTarget } from './load-target.ts';
import { assertPrivileges } from './privileges.ts';
import { mongodbProgressStore } from './progress-store.ts';
import { readShardKeys } from './shard-keys.ts';

export interface Opening {
  /** The one that its connection string names. */
  readonly database: string | null;
  /** How its kind was found. */
  readonly kindBy: DecidedBy;
}

export class MongodbTarget implements Target {
  readonly url: string;
  readonly profile: TargetProfile;
  readonly assessedRules: DocumentRules | null;
  readonly reader: DocumentReader;
  readonly onlyDatabase: string | null;
  readonly #connection: MongoConnection;
  readonly #kindBy: DecidedBy;
  /** Without what a probe would find. */
  readonly #can: Found;

  constructor(connection: MongoConnection, profile: TargetProfile, { database, kindBy }: Opening) {
    this.url = connection.url;
    this.profile = profile;
    this.onlyDatabase = profile.connection.namesDatabase ? database : null;
    this.assessedRules = assessedRules(profile.documents, connection.server);
    this.#connection = connection;
    this.#kindBy = kindBy;
    this.#can = knownAbilities(profile.abilities, connection.server);
    this.reader = new ConnectionReader(connection, this.#can, this.onlyDatabase);
  }

  async identity(signal: AbortSignal): Promise<ClusterIdentity> {
    if (this.#can.tellsIdentity) return clusterIdentity(this.#connection, signal);
    return addressIdentity(this.profile, this.url, this.onlyDatabase);
  }

  progress(database: string): ProgressStore {
    return mongodbProgressStore(this.#connection, database, this.#can);
  }

  async assertPrivileges(databases: readonly string[], signal: AbortSignal): Promise<void> {
    if (this.#can.tellsPrivileges) await assertPrivileges(this.#connection, databases, signal);
  }

  shardKeys(namespaces: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, ShardKey>> {
    return readShardKeys(this.#connection, namespaces, signal);
  }

  forLoad(settings: LoadTargetSettings): Promise<LoadTarget> {
    return openLoadTarget(this.#connection, this.profile, this.#kindBy, settings);
  }
}
