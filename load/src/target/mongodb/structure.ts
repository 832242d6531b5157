/** What stands on a target of MongoDB's kind, and the commands that change it. */

import { WaybillError } from '@waybill/shared/base/errors';
import { splitNamespace } from '@waybill/shared/base/record';
import { buildArray, doc } from '@waybill/shared/bson/build';
import { findElement } from '@waybill/shared/bson/raw';
import { readString } from '@waybill/shared/bson/values';
import { failureOf, hasServerCode, refusal, saysNotSupported } from '@waybill/shared/mongo/driver/classify';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { RawField, rawArray } from '@waybill/shared/mongo/driver/raw-value';
import { readAll } from '@waybill/shared/mongo/driver/read-all';
import type { CommandReply } from '@waybill/shared/mongo/driver/reply';
import { SERVER_CODES, type ServerCodeName } from '@waybill/shared/mongo/driver/server-codes';
import { listIndexes } from '@waybill/shared/mongo/facts/catalog';
import { collectionUuidField } from '@waybill/shared/mongo/facts/collection-identity';
import { listCollections } from '@waybill/shared/mongo/facts/collections';
import type { TargetProfile } from '../profiles/profile.ts';
import type { Found } from '../rules/abilities.ts';
import type {
  BuildProgress,
  Fields,
  TargetCapabilities,
  TargetCollection,
  TargetStructure,
  UniqueConversion,
  WriteTag,
} from '../target.ts';
import { buildProgress } from './index-progress.ts';
import { awaitIndexes, BuildTurns } from './index-wait.ts';
import { wasResharded } from './resharded.ts';
import { type WriteConcernFailure, writeOutcome } from './write-outcome.ts';

/** A collection named by its uuid is not there any more, whatever has its name now. */
const COLLECTION_GONE = ['NamespaceNotFound', 'CollectionUUIDMismatch'] as const;

const MAJORITY = { w: 'majority' } as const;

export class MongodbStructure implements TargetStructure {
  readonly capabilities: TargetCapabilities;
  readonly profile: TargetProfile;
  protected readonly connection: MongoConnection;
  protected readonly can: Found;
  readonly #builds = new BuildTurns();

  constructor(connection: MongoConnection, profile: TargetProfile, can: Found) {
    this.connection = connection;
    this.profile = profile;
    this.can = can;
    const keeps = can.keepsEmptyTimestamps || can.updatesByPipeline;
    const isDeclared = profile.canonical?.emptyTimestamps === true;
    this.capabilities = { ...can, altersEmptyTimestamps: !keeps && isDeclared };
  }

  async collection(namespace: string): Promise<TargetCollection | null> {
    const { database, collection } = splitNamespace(namespace);
    const [found] = await this.collections(database, collection);
    return found ?? null;
  }

  async collections(database: string, name?: string): Promise<readonly TargetCollection[]> {
    const found = await listCollections(this.connection, database, { name });
    return found.map(({ name: collection, uuid, ...rest }) => ({
      namespace: `${database}.${collection}`,
      uuid: this.can.keepsUuids ? uuid : null,
      ...rest,
    }));
  }

  async indexes(namespace: string): Promise<readonly Buffer[]> {
    const { database, collection } = splitNamespace(namespace);
    try {
      return await listIndexes(this.connection, database, collection);
    } catch (error) {
      if (hasServerCode(error, 'CommandNotSupportedOnView')) return [];
      throw error;
    }
  }

  async isEmpty(namespace: string): Promise<boolean> {
    const { database, collection } = splitNamespace(namespace);
    const find = { find: collection, projection: { _id: 1 }, limit: 1, singleBatch: true };
    return (await this.all(database, find)).length === 0;
  }

  wasResharded(from: Buffer, to: Buffer): Promise<boolean> {
    return wasResharded(this.connection, from, to);
  }

  async create(namespace: string, options: Fields, tag: WriteTag): Promise<void> {
    const { database, collection } = splitNamespace(namespace);
    const command = { create: collection, ...rawFields(options) };
    await this.#unless(['NamespaceExists'], database, command, tag);
  }

  async drop({ namespace, uuid }: TargetCollection, tag: WriteTag): Promise<boolean> {
    const { database, collection } = splitNamespace(namespace);
    const command = { drop: collection, ...this.#only(uuid) };
    return this.#unless(COLLECTION_GONE, database, command, tag);
  }

  async rename({ namespace, uuid }: TargetCollection, to: string, tag: WriteTag): Promise<boolean> {
    if (!this.can.renamesCollections) throw this.#lacking('renameCollection');
    const isAcross = splitNamespace(namespace).database !== splitNamespace(to).database;
    // A server takes no uuid with a rename into another database, which is a copy.
    const only = isAcross ? {} : this.#only(uuid);
    const command = { renameCollection: namespace, to, dropTarget: false, ...only };
    return this.#unless(COLLECTION_GONE, 'admin', command, tag);
  }

  async createIndexes(
    namespace: string,
    specs: readonly Uint8Array[],
    tag: WriteTag,
    signal?: AbortSignal,
  ): Promise<void> {
    const { database, collection } = splitNamespace(namespace);
    const build = async (some: readonly Uint8Array[]): Promise<void> => {
      const indexes = rawArray(buildArray(some.map((spec) => doc(spec))));
      const command = { createIndexes: collection, indexes };
      await this.#unless(['IndexAlreadyExists'], database, command, tag, signal);
      if (this.can.answersWhenBuilt) return;
      const standing = async () => new Set((await this.indexes(namespace)).map(nameOf));
      await awaitIndexes(some.map(nameOf), standing, signal);
    };
    if (this.can.buildsIndexesTogether) await build(specs);
    else for (const spec of specs) await this.#builds.inTurn(namespace, () => build([spec]), signal);
  }

  async buildProgress(namespace: string): Promise<BuildProgress | null> {
    return this.can.showsOperations ? buildProgress(this.connection, namespace) : null;
  }

  async dropIndex(namespace: string, name: string, tag: WriteTag): Promise<boolean> {
    const { database, collection } = splitNamespace(namespace);
    const gone = ['IndexNotFound', 'NamespaceNotFound'] as const;
    return this.#unless(gone, database, { dropIndexes: collection, index: name }, tag);
  }

  async modify(namespace: string, fields: Fields, tag: WriteTag): Promise<void> {
    const { database, collection } = splitNamespace(namespace);
    if (!this.can.modifiesCollections) throw this.#lacking('collMod');
    await this.#structure(database, { collMod: collection, ...rawFields(fields) }, tag);
  }

  /** prepareUnique keeps new violations out, so that the conversion counts all there are. */
  async makeUnique(namespace: string, indexName: string, tag: WriteTag): Promise<UniqueConversion> {
    await this.#changeIndex(namespace, { name: indexName, prepareUnique: true }, tag);
    try {
      await this.#changeIndex(namespace, { name: indexName, unique: true }, tag);
      return { unique: true, violations: 0 };
    } catch (error) {
      const refused = refusedConversion(error);
      await this.#changeIndex(namespace, { name: indexName, prepareUnique: false }, tag);
      return refused;
    }
  }

  async tryUnique(namespace: string, indexName: string, tag: WriteTag): Promise<UniqueConversion | null> {
    await this.#changeIndex(namespace, { name: indexName, prepareUnique: true }, tag);
    try {
      await this.#changeIndex(namespace, { name: indexName, unique: true }, tag, { dryRun: true });
      return { unique: true, violations: 0 };
    } catch (error) {
      // What a server answers where there is no prepareUnique any more.
      if (hasServerCode(error, 'InvalidOptions')) return null;
      return refusedConversion(error);
    } finally {
      await this.#changeIndex(namespace, { name: indexName, prepareUnique: false }, tag);
    }
  }

  async makeNonUnique(
    namespace: string,
    indexName: string,
    isUnique: boolean,
    tag: WriteTag,
  ): Promise<boolean> {
    if (!this.capabilities.convertsToUnique) return false;
    const change = isUnique ? { forceNonUnique: true } : { prepareUnique: false };
    try {
      await this.#changeIndex(namespace, { name: indexName, ...change }, tag);
      return true;
    } catch (error) {
      // Servers that only resemble 6.0 know the way there, and not back.
      if (isUnique && saysNotSupported(error)) return false;
      throw error;
    }
  }

  async #changeIndex(
    namespace: string,
    index: Readonly<Record<string, unknown>>,
    tag: WriteTag,
    more: Readonly<Record<string, unknown>> = {},
  ): Promise<void> {
    const { database, collection } = splitNamespace(namespace);
    if (!this.can.modifiesCollections) throw this.#lacking('collMod');
    await this.#structure(database, { collMod: collection, index, ...more }, tag);
  }

  /** What the server would answer: it is known, so it is not asked. */
  #lacking(command: string): WaybillError {
    return refusal(SERVER_CODES.CommandNotSupported, `${this.profile.title} has no ${command} here`);
  }

  #only(uuid: Buffer | null): { collectionUUID?: RawField } {
    return collectionUuidField(this.connection.server, uuid);
  }

  async #unless(
    codes: readonly ServerCodeName[],
    database: string,
    command: Readonly<Record<string, unknown>>,
    tag: WriteTag,
    signal?: AbortSignal,
  ): Promise<boolean> {
    try {
      await this.#structure(database, command, tag, signal);
      return true;
    } catch (error) {
      if (hasServerCode(error, ...codes)) return false;
      throw error;
    }
  }

  async #structure(
    database: string,
    command: Readonly<Record<string, unknown>>,
    tag: WriteTag,
    signal?: AbortSignal,
  ): Promise<CommandReply> {
    const reply = await this.connection.command(
      database,
      { ...command, writeConcern: MAJORITY, ...this.comment(tag) },
      { signal },
    );
    const { writeConcernError } = writeOutcome(reply);
    if (writeConcernError) throw notDurable(database, writeConcernError);
    return reply;
  }

  protected comment({ load, epoch }: WriteTag): { comment?: string } {
    return this.can.takesComments ? { comment: `waybill ${load} ${epoch}` } : {};
  }

  protected all(database: string, command: Readonly<Record<string, unknown>>): Promise<Buffer[]> {
    return readAll(this.connection, database, command);
  }
}

/** Throws an error that says anything else. */
function refusedConversion(error: unknown): UniqueConversion {
  if (!hasServerCode(error, 'CannotConvertIndexToUnique')) throw error;
  return { unique: false, violations: failureOf(error)?.violations ?? 1 };
}

function nameOf(spec: Uint8Array): string {
  const name = findElement(spec, 'name');
  return name ? readString(name) : '';
}

function rawFields(fields: Fields): Record<string, RawField> {
  return Object.fromEntries(fields.map(([name, value]) => [name, new RawField(value)]));
}

export function notDurable(what: string, failure: WriteConcernFailure): WaybillError {
  const context = { serverCode: failure.code };
  return new WaybillError(
    'MONGO_TRANSIENT',
    `a write to ${what} was not acknowledged by enough members: ${failure.message}`,
    failure.transient
      ? { context }
      : { context, kind: 'failed', hint: 'Check the members of the target replica set.' },
  );
}
