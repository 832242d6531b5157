import { splitNamespace } from '@waybill/shared/base/record';
import { findElement } from '@waybill/shared/bson/raw';
import { readString } from '@waybill/shared/bson/values';
import { hasServerCode, serverCode } from '@waybill/shared/mongo/driver/classify';
import type { CommandReply, MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { RawSequence } from '@waybill/shared/mongo/driver/raw-value';
import { isNotSupportedCode, SERVER_CODES } from '@waybill/shared/mongo/driver/server-codes';
import { isAtLeast } from '@waybill/shared/mongo/driver/server-info';
import PQueue from 'p-queue';
import {
  type Execute,
  mongodbProgressStore,
  PROBE,
  type SendProgress,
  updateProgress,
} from './mongodb-progress.ts';
import { MAJORITY, MongodbStructure, notDurable } from './mongodb-structure.ts';
import {
  type FenceRequest,
  PROGRESS_WRITES,
  type ProgressStore,
  type Target,
  type TargetCapabilities,
  type TargetLimits,
  type WriteBatch,
  type WriteResult,
  type WriteTag,
} from './target.ts';
import { WriteFence } from './write-fence.ts';
import { writeOutcome } from './write-outcome.ts';

export interface MongodbTargetSettings {
  readonly progressDatabase: string;
  /** The server gives a write up after this, in milliseconds. */
  readonly maxWriteMs: number;
  readonly signal?: AbortSignal | undefined;
}

const STATEMENT_FIELDS = { insert: 'documents', update: 'updates', delete: 'deletes' } as const;
/** Of a message, for everything that is not the statements. */
const MESSAGE_ROOM = 1 << 20;

/** Smaller batches are not worth the second message. */
const TRANSACTION_STATEMENTS = 20;
/**
 * 4.0 takes 16 MB with what it adds, and what a transaction has written stays in the server's cache
 * until its end.
 */
const TRANSACTION_BYTES = 12 << 20;

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

/**
 * An update that matches nothing, with the flag: a server that does not know the flag refuses the
 * command.
 */
async function keepsEmptyTimestamps(
  connection: MongoConnection,
  { progressDatabase, signal }: MongodbTargetSettings,
): Promise<boolean> {
  try {
    const fields = { bypassEmptyTsReplacement: true };
    await updateProgress(connection, progressDatabase, [PROBE], { fields, signal });
    return true;
  } catch (error) {
    if (isNotSupportedCode(serverCode(error))) return false;
    throw error;
  }
}

class MongodbTarget extends MongodbStructure implements Target {
  readonly url: string;
  readonly limits: TargetLimits;
  readonly progress: ProgressStore;
  readonly #settings: MongodbTargetSettings;
  readonly #progressWrites = new PQueue({ concurrency: PROGRESS_WRITES });
  #fence: WriteFence | null = null;
  #unansweredAt = Number.NEGATIVE_INFINITY;

  constructor(
    connection: MongoConnection,
    settings: MongodbTargetSettings,
    capabilities: TargetCapabilities,
  ) {
    super(connection, capabilities);
    this.url = connection.url;
    this.#settings = settings;
    this.limits = {
      batchStatements: connection.server.maxWriteBatchSize,
      batchBytes: connection.server.maxMessageSizeBytes - MESSAGE_ROOM,
    };
    const send: SendProgress = (execute) => this.#sendProgress(execute);
    this.progress = mongodbProgressStore(connection, settings.progressDatabase, send);
  }

  async shutOut(request: FenceRequest): Promise<boolean> {
    const { progressDatabase, maxWriteMs, signal } = this.#settings;
    const deps = { connection: this.connection, progressDatabase, maxWriteMs, signal };
    this.#fence = await WriteFence.raise(deps, request);
    return this.#fence !== null;
  }

  async login(): Promise<string | null> {
    try {
      const { authInfo } = await this.connection.command('admin', { connectionStatus: 1 });
      const users = Buffer.isBuffer(authInfo) && findElement(authInfo, 'authenticatedUsers');
      return users ? Buffer.from(users.bytes).toString('base64') : null;
    } catch (error) {
      // Servers that only resemble MongoDB may not have the command.
      if (isNotSupportedCode(serverCode(error))) return null;
      throw error;
    }
  }

  mayStillWrite(): boolean {
    return performance.now() - this.#unansweredAt < this.#settings.maxWriteMs;
  }

  async keepShutOut(): Promise<void> {
    await this.#fence?.refresh();
  }

  async write(batch: WriteBatch, tag: WriteTag): Promise<WriteResult> {
    const { database, collection } = splitNamespace(batch.namespace);
    const takesDocuments = batch.kind !== 'delete';
    const command = {
      [batch.kind]: collection,
      [STATEMENT_FIELDS[batch.kind]]: new RawSequence(batch.statements),
      ordered: false,
      maxTimeMS: this.#settings.maxWriteMs,
      ...(takesDocuments && batch.bypassValidation && { bypassDocumentValidation: true }),
      ...(takesDocuments && this.capabilities.keepsEmptyTimestamps && { bypassEmptyTsReplacement: true }),
      ...this.comment(tag),
    };
    const reply = await this.#send(batch, (fields, session) =>
      this.connection.command(database, { ...command, ...fields }, { session }),
    );
    const { n, writeErrors, writeConcernError } = writeOutcome(reply);
    if (writeConcernError) throw notDurable(batch.namespace, writeConcernError);
    const failures = writeErrors.map(({ index, code, duplicateIndex, message }) => ({
      index,
      code,
      message,
      // A clustered collection's key has no index of its own, and so no name.
      duplicateId:
        code === SERVER_CODES.DuplicateKey && (duplicateIndex === undefined || duplicateIndex === '_id_'),
      indexName: duplicateIndex,
    }));
    return { n, failures };
  }

  /**
   * What a transaction did not do goes as single writes, which tell of each statement what became
   * of it.
   */
  async #send(batch: WriteBatch, execute: Execute<CommandReply>): Promise<CommandReply> {
    if (!this.#fence) return this.#sendUnfenced(execute);
    const whole = goesWhole(batch) ? await this.#fence.sendWhole(execute) : null;
    return (
      whole ?? this.#fence.send((fields, session) => execute({ ...fields, writeConcern: MAJORITY }, session))
    );
  }

  async #sendUnfenced(execute: Execute<CommandReply>): Promise<CommandReply> {
    try {
      return await execute({ writeConcern: MAJORITY });
    } catch (error) {
      if (serverCode(error) === undefined) this.#unansweredAt = performance.now();
      throw error;
    }
  }

  #sendProgress<T>(execute: Execute<T>): Promise<T> {
    const fence = this.#fence;
    return fence ? this.#progressWrites.add(() => fence.send(execute)) : execute({});
  }

  async olderWritesRun(tag: WriteTag): Promise<boolean | null> {
    if (!this.takesComments) return null;
    for (const allUsers of [true, false]) {
      try {
        return (await this.#runningEpochs(tag, allUsers)).some((epoch) => epoch < tag.epoch);
      } catch (error) {
        if (!hasServerCode(error, 'Unauthorized')) throw error;
      }
    }
    return null;
  }

  /**
   * Index builds are left out: they outlive their command, and what they build is wanted by any
   * owner.
   */
  async #runningEpochs(tag: WriteTag, allUsers: boolean): Promise<number[]> {
    const prefix = `waybill ${tag.load} `;
    const pipeline = [
      { $currentOp: { allUsers, idleSessions: false } },
      { $match: { 'command.comment': { $type: 'string' }, 'command.createIndexes': { $exists: false } } },
      { $project: { _id: 0, comment: '$command.comment' } },
    ];
    const documents = await this.all('admin', { aggregate: 1, pipeline });
    const comments = documents.map((document) => text(document, 'comment'));
    return comments
      .filter((comment) => comment.startsWith(prefix))
      .map((comment) => Number(comment.slice(prefix.length)));
  }
}

/** Inserts gain nothing, and capped collections take no part in transactions. */
function goesWhole({ kind, keepsOrder, statements }: WriteBatch): boolean {
  if (kind === 'insert' || keepsOrder || statements.length < TRANSACTION_STATEMENTS) return false;
  return statements.reduce((bytes, { length }) => bytes + length, 0) <= TRANSACTION_BYTES;
}

function text(document: Buffer, name: string): string {
  const element = findElement(document, name);
  return element ? readString(element) : '';
}
