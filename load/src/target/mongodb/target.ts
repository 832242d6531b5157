/** A target of MongoDB's kind. */
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { type ClusterIdentity, clusterIdentity } from '@waybill/shared/mongo/facts/cluster-identity';
import { ConnectionReader } from '../../reading/connection-reader.ts';
import type { DocumentReader } from '../../reading/document-reader.ts';
import type { TargetProfile } from '../profiles/profile.ts';
import type { ProgressStore } from '../progress-store.ts';
import type { LoadTarget, LoadTargetSettings, Target } from '../target.ts';
import { openLoadTarget } from './load-target.ts';
import { assertPrivileges } from './privileges.ts';
import { mongodbProgressStore } from './progress-store.ts';
import { assertShardedById } from './shard-keys.ts';

export class MongodbTarget implements Target {
  readonly url: string;
  readonly profile: TargetProfile;
  readonly reader: DocumentReader;
  readonly #connection: MongoConnection;

  constructor(connection: MongoConnection, profile: TargetProfile) {
    this.url = connection.url;
    this.profile = profile;
    this.reader = new ConnectionReader(connection);
    this.#connection = connection;
  }

  identity(signal: AbortSignal): Promise<ClusterIdentity> {
    return clusterIdentity(this.#connection, signal);
  }

  progress(database: string): ProgressStore {
    return mongodbProgressStore(this.#connection, database);
  }

  assertPrivileges(databases: readonly string[], signal: AbortSignal): Promise<void> {
    return assertPrivileges(this.#connection, databases, signal);
  }

  assertWritableById(namespaces: readonly string[], signal: AbortSignal): Promise<void> {
    return assertShardedById(this.#connection, namespaces, signal);
  }

  forLoad(settings: LoadTargetSettings): Promise<LoadTarget> {
    return openLoadTarget(this.#connection, this.profile, settings);
  }
}
