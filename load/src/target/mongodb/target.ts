/** A target of MongoDB's kind. */
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { type ClusterIdentity, clusterIdentity } from '@waybill/shared/mongo/facts/cluster-identity';
import { ConnectionReader } from '../../reading/connection-reader.ts';
import type { DocumentReader } from '../../reading/document-reader.ts';
import type { TargetProfile } from '../profiles/profile.ts';
import type { ProgressStore } from '../progress-store.ts';
import { type Found, knownAbilities } from '../rules/abilities.ts';
import { type DocumentRules, rulesFor } from '../rules/documents.ts';
import type { LoadTarget, LoadTargetSettings, Target } from '../target.ts';
import { addressIdentity } from './address-identity.ts';
import { openLoadTarget } from './load-target.ts';
import { assertPrivileges } from './privileges.ts';
import { mongodbProgressStore } from './progress-store.ts';
import { assertShardedById } from './shard-keys.ts';

export class MongodbTarget implements Target {
  readonly url: string;
  readonly profile: TargetProfile;
  readonly documentRules: DocumentRules | null;
  readonly reader: DocumentReader;
  readonly onlyDatabase: string | null;
  readonly #connection: MongoConnection;
  /** Without what a probe would find. */
  readonly #can: Found;

  /** @param database the one that its connection string names */
  constructor(connection: MongoConnection, profile: TargetProfile, database: string | null) {
    this.url = connection.url;
    this.profile = profile;
    this.onlyDatabase = profile.connection.namesDatabase ? database : null;
    this.documentRules = rulesFor(profile.documents, connection.server);
    this.#connection = connection;
    this.#can = knownAbilities(profile.abilities, connection.server);
    this.reader = new ConnectionReader(connection, this.#can);
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

  assertWritableById(namespaces: readonly string[], signal: AbortSignal): Promise<void> {
    return assertShardedById(this.#connection, namespaces, signal);
  }

  forLoad(settings: LoadTargetSettings): Promise<LoadTarget> {
    return openLoadTarget(this.#connection, this.profile, settings);
  }
}
