import { buildArray, doc } from '@waybill/shared/bson/build';
import { findElement } from '@waybill/shared/bson/raw';
import { readString } from '@waybill/shared/bson/values';
import { hasCode, WaybillError } from '@waybill/shared/errors';
import { failureOf, serverCode } from '@waybill/shared/mongo/classify';
import type { CommandReply, MongoConnection } from '@waybill/shared/mongo/connection';
import { openCursor } from '@waybill/shared/mongo/cursor';
import { RawField, RawSequence, rawArray } from '@waybill/shared/mongo/raw-value';
import { isAtLeast } from '@waybill/shared/mongo/server-info';
import { DUPLICATE_KEY, type WriteConcernFailure, writeOutcome } from '@waybill/shared/mongo/write-outcome';
import { splitNamespace } from '@waybill/shared/record';
import { mongodbProgressStore, PROGRESS_COLLECTION } from './mongodb-progress.ts';
import type {
  Fields,
  ProgressStore,
  Target,
  TargetCapabilities,
  TargetCollection,
  TargetLimits,
  UniqueConversion,
  WriteBatch,
  WriteResult,
  WriteTag,
} from './target.ts';

export interface MongodbTargetSettings {
  readonly progressDatabase: string;
  /** The server gives a write up after this, in milliseconds. */
  readonly maxWriteMs: number;
  readonly signal?: AbortSignal | undefined;
}

const NAMESPACE_NOT_FOUND = 26;
const INDEX_NOT_FOUND = 27;
const NAMESPACE_EXISTS = 48;
const UNAUTHORIZED = 13;
const CANNOT_CONVERT_TO_UNIQUE = 359;

const STATEMENT_FIELDS = { insert: 'documents', update: 'updates', delete: 'deletes' } as const;
/** Of a message, for everything that is not the statements. */
const MESSAGE_ROOM = 1 << 20;
const MAJORITY = { w: 'majority' } as const;

/** Asks the server what it can do. */
export async function openMongodbTarget(
  connection: MongoConnection,
  settings: MongodbTargetSettings,
): Promise<Target> {
  const { server } = connection;
  const capabilities: TargetCapabilities = {
    keepsEmptyTimestamps: await keepsEmptyTimestamps(connection, settings),
    convertsToUnique: isAtLeast(server, 6, 0),
    hidesIndexes: isAtLeast(server, 4, 4),
  };
  return new MongodbTarget(connection, settings, capabilities);
}

/** An update that matches nothing, with the flag: a server that does not know the flag refuses the command. */
async function keepsEmptyTimestamps(
  connection: MongoConnection,
  { progressDatabase, signal }: MongodbTargetSettings,
): Promise<boolean> {
  try {
    await connection.command(
      progressDatabase,
      {
        update: PROGRESS_COLLECTION,
        updates: [{ q: { _id: '/probe' }, u: { $set: { probe: true } } }],
        bypassEmptyTsReplacement: true,
      },
      { signal },
    );
    return true;
  } catch (error) {
    if (error instanceof WaybillError && error.code === 'MONGO_COMMAND_FAILED') return false;
    throw error;
  }
}

class MongodbTarget implements Target {
  readonly url: string;
  readonly limits: TargetLimits;
  readonly capabilities: TargetCapabilities;
  readonly progress: ProgressStore;
  readonly #connection: MongoConnection;
  readonly #maxWriteMs: number;
  /** From 4.4 every command takes a comment. */
  readonly #takesComments: boolean;

  constructor(
    connection: MongoConnection,
    settings: MongodbTargetSettings,
    capabilities: TargetCapabilities,
  ) {
    this.#connection = connection;
    this.url = connection.url;
    this.#maxWriteMs = settings.maxWriteMs;
    this.#takesComments = isAtLeast(connection.server, 4, 4);
    this.capabilities = capabilities;
    this.limits = {
      batchStatements: connection.server.maxWriteBatchSize,
      batchBytes: connection.server.maxMessageSizeBytes - MESSAGE_ROOM,
    };
    this.progress = mongodbProgressStore(connection, settings.progressDatabase);
  }

  async write(batch: WriteBatch, tag: WriteTag): Promise<WriteResult> {
    const { database, collection } = splitNamespace(batch.namespace);
    const takesDocuments = batch.kind !== 'delete';
    const reply = await this.#connection.command(database, {
      [batch.kind]: collection,
      [STATEMENT_FIELDS[batch.kind]]: new RawSequence(batch.statements),
      ordered: false,
      writeConcern: MAJORITY,
      maxTimeMS: this.#maxWriteMs,
      ...(takesDocuments && batch.bypassValidation && { bypassDocumentValidation: true }),
      ...(takesDocuments && this.capabilities.keepsEmptyTimestamps && { bypassEmptyTsReplacement: true }),
      ...this.#comment(tag),
    });
    const { n, writeErrors, writeConcernError } = writeOutcome(reply);
    if (writeConcernError) throw notDurable(batch.namespace, writeConcernError);
    const failures = writeErrors.map(({ index, code, duplicateIndex, message }) => ({
      index,
      code,
      message,
      // A clustered collection's key has no index of its own, and so no name.
      duplicateId: code === DUPLICATE_KEY && (duplicateIndex === undefined || duplicateIndex === '_id_'),
      indexName: duplicateIndex,
    }));
    return { n, failures };
  }

  async collection(namespace: string): Promise<TargetCollection | null> {
    const { database, collection } = splitNamespace(namespace);
    const [found] = await this.#list(database, { name: collection });
    return found ?? null;
  }

  async collections(database: string): Promise<readonly TargetCollection[]> {
    return this.#list(database, {});
  }

  async #list(database: string, filter: object): Promise<TargetCollection[]> {
    const documents = await this.#all(database, { listCollections: 1, filter });
    return documents.map((document) => ({
      namespace: `${database}.${text(document, 'name')}`,
      type: text(document, 'type'),
      options: Buffer.from(findElement(document, 'options')?.bytes ?? EMPTY_DOCUMENT),
    }));
  }

  async indexes(namespace: string): Promise<readonly Buffer[]> {
    const { database, collection } = splitNamespace(namespace);
    try {
      const documents = await this.#all(database, { listIndexes: collection });
      return documents.map((document) => Buffer.from(document));
    } catch (error) {
      // A view has none: CommandNotSupportedOnView.
      if (serverCode(error) === NAMESPACE_NOT_FOUND || serverCode(error) === 166) return [];
      throw error;
    }
  }

  async isEmpty(namespace: string): Promise<boolean> {
    const { database, collection } = splitNamespace(namespace);
    const find = { find: collection, projection: { _id: 1 }, limit: 1, singleBatch: true };
    return (await this.#all(database, find)).length === 0;
  }

  async create(namespace: string, options: Fields, tag: WriteTag): Promise<boolean> {
    const { database, collection } = splitNamespace(namespace);
    const command = { create: collection, ...rawFields(options) };
    return this.#unless([NAMESPACE_EXISTS], database, command, tag);
  }

  async drop(namespace: string, tag: WriteTag): Promise<boolean> {
    const existed = (await this.collection(namespace)) !== null;
    const { database, collection } = splitNamespace(namespace);
    await this.#unless([NAMESPACE_NOT_FOUND], database, { drop: collection }, tag);
    return existed;
  }

  async rename(from: string, to: string, tag: WriteTag): Promise<boolean> {
    return this.#unless(
      [NAMESPACE_NOT_FOUND],
      'admin',
      { renameCollection: from, to, dropTarget: false },
      tag,
    );
  }

  async createIndexes(
    namespace: string,
    specs: readonly Uint8Array[],
    tag: WriteTag,
    signal?: AbortSignal,
  ): Promise<void> {
    const { database, collection } = splitNamespace(namespace);
    const indexes = rawArray(buildArray(specs.map((spec) => doc(spec))));
    await this.#structure(database, { createIndexes: collection, indexes }, tag, signal);
  }

  async dropIndex(namespace: string, name: string, tag: WriteTag): Promise<boolean> {
    const { database, collection } = splitNamespace(namespace);
    const gone = [INDEX_NOT_FOUND, NAMESPACE_NOT_FOUND];
    return this.#unless(gone, database, { dropIndexes: collection, index: name }, tag);
  }

  async modify(namespace: string, fields: Fields, tag: WriteTag): Promise<void> {
    const { database, collection } = splitNamespace(namespace);
    await this.#structure(database, { collMod: collection, ...rawFields(fields) }, tag);
  }

  /** prepareUnique first: from then on no new violation comes, and what is there is counted. */
  async makeUnique(namespace: string, indexName: string, tag: WriteTag): Promise<UniqueConversion> {
    const { database, collection } = splitNamespace(namespace);
    const change = (index: object): Promise<CommandReply> =>
      this.#structure(database, { collMod: collection, index: { name: indexName, ...index } }, tag);
    await change({ prepareUnique: true });
    try {
      await change({ unique: true });
      return { unique: true, violations: 0 };
    } catch (error) {
      if (serverCode(error) !== CANNOT_CONVERT_TO_UNIQUE) throw error;
      await change({ prepareUnique: false });
      return { unique: false, violations: failureOf(error)?.violations ?? 1 };
    }
  }

  async makeNonUnique(
    namespace: string,
    indexName: string,
    isUnique: boolean,
    tag: WriteTag,
  ): Promise<boolean> {
    if (!this.capabilities.convertsToUnique) return false;
    const { database, collection } = splitNamespace(namespace);
    const change = isUnique ? { forceNonUnique: true } : { prepareUnique: false };
    const index = { name: indexName, ...change };
    try {
      await this.#structure(database, { collMod: collection, index }, tag);
      return true;
    } catch (error) {
      // Servers that only resemble 6.0 know the way there, and not back.
      if (isUnique && hasCode(error, 'MONGO_COMMAND_FAILED')) return false;
      throw error;
    }
  }

  async olderWritesRun(tag: WriteTag): Promise<boolean | null> {
    if (!this.#takesComments) return null;
    for (const allUsers of [true, false]) {
      try {
        return (await this.#runningEpochs(tag, allUsers)).some((epoch) => epoch < tag.epoch);
      } catch (error) {
        if (serverCode(error) !== UNAUTHORIZED) throw error;
      }
    }
    return null;
  }

  /** Index builds are left out: they outlive their command, and what they build is wanted by any owner. */
  async #runningEpochs(tag: WriteTag, allUsers: boolean): Promise<number[]> {
    const prefix = `waybill ${tag.load} `;
    const pipeline = [
      { $currentOp: { allUsers, idleSessions: false } },
      { $match: { 'command.comment': { $type: 'string' }, 'command.createIndexes': { $exists: false } } },
      { $project: { _id: 0, comment: '$command.comment' } },
    ];
    const documents = await this.#all('admin', { aggregate: 1, pipeline });
    const comments = documents.map((document) => text(document, 'comment'));
    return comments
      .filter((comment) => comment.startsWith(prefix))
      .map((comment) => Number(comment.slice(prefix.length)));
  }

  async #unless(
    codes: readonly number[],
    database: string,
    command: Readonly<Record<string, unknown>>,
    tag: WriteTag,
  ): Promise<boolean> {
    try {
      await this.#structure(database, command, tag);
      return true;
    } catch (error) {
      if (codes.includes(serverCode(error) ?? 0)) return false;
      throw error;
    }
  }

  async #structure(
    database: string,
    command: Readonly<Record<string, unknown>>,
    tag: WriteTag,
    signal?: AbortSignal,
  ): Promise<CommandReply> {
    const reply = await this.#connection.command(
      database,
      { ...command, writeConcern: MAJORITY, ...this.#comment(tag) },
      { signal },
    );
    const { writeConcernError } = writeOutcome(reply);
    if (writeConcernError) throw notDurable(database, writeConcernError);
    return reply;
  }

  #comment({ load, epoch }: WriteTag): { comment?: string } {
    return this.#takesComments ? { comment: `waybill ${load} ${epoch}` } : {};
  }

  async #all(database: string, command: Readonly<Record<string, unknown>>): Promise<Buffer[]> {
    await using cursor = await openCursor(this.#connection, database, command);
    const all: Buffer[] = [];
    for (let batch = await cursor.next(); batch; batch = await cursor.next()) all.push(...batch.documents);
    return all;
  }
}

const EMPTY_DOCUMENT = Buffer.from([5, 0, 0, 0, 0]);

function rawFields(fields: Fields): Record<string, RawField> {
  return Object.fromEntries(fields.map(([name, value]) => [name, new RawField(value)]));
}

function text(document: Buffer, name: string): string {
  const element = findElement(document, name);
  return element ? readString(element) : '';
}

function notDurable(what: string, failure: WriteConcernFailure): WaybillError {
  return new WaybillError(
    'MONGO_TRANSIENT',
    `a write to ${what} was not acknowledged by a majority: ${failure.message}`,
    failure.transient ? {} : { kind: 'failed', hint: 'Check the members of the target replica set.' },
  );
}
