/** A target of MongoDB's kind as one load writes it. */
import { splitNamespace } from '@waybill/shared/base/record';
import { findElement } from '@waybill/shared/bson/raw';
import { readString } from '@waybill/shared/bson/values';
import { hasServerCode, saysNotSupported, serverCode } from '@waybill/shared/mongo/driver/classify';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { RawSequence } from '@waybill/shared/mongo/driver/raw-value';
import type { CommandReply } from '@waybill/shared/mongo/driver/reply';
import { SERVER_CODES } from '@waybill/shared/mongo/driver/server-codes';
import PQueue from 'p-queue';
import type { TargetProfile } from '../profiles/profile.ts';
import type { ProgressStore } from '../progress-store.ts';
import { findAbility, isAble } from '../rules/abilities.ts';
import { type DocumentRules, rulesFor } from '../rules/documents.ts';
import { batchLimits, type TargetLimits } from '../rules/limits.ts';
import {
  type FenceRequest,
  type LoadTarget,
  type LoadTargetSettings,
  PROGRESS_WRITES,
  type StatementFailure,
  type TargetCapabilities,
  type WriteBatch,
  type WriteResult,
  type WriteTag,
} from '../target.ts';
import {
  type Execute,
  mongodbProgressStore,
  PROBE,
  type SendProgress,
  updateProgress,
} from './progress-store.ts';
import { MAJORITY, MongodbStructure, notDurable } from './structure.ts';
import { WriteFence } from './write-fence.ts';
import { type WriteFailure, writeOutcome } from './write-outcome.ts';

const STATEMENT_FIELDS = { insert: 'documents', update: 'updates', delete: 'deletes' } as const;

/** Asks the server what its profile does not know. */
export async function openLoadTarget(
  connection: MongoConnection,
  profile: TargetProfile,
  settings: LoadTargetSettings,
): Promise<LoadTarget> {
  const { server } = connection;
  const { keepsEmptyTimestamps, convertsToUnique, hidesIndexes } = profile.abilities;
  const capabilities: TargetCapabilities = {
    keepsEmptyTimestamps: await findAbility(keepsEmptyTimestamps, server, () =>
      takesTimestampFlag(connection, settings),
    ),
    convertsToUnique: isAble(convertsToUnique, server),
    hidesIndexes: isAble(hidesIndexes, server),
  };
  return new MongodbLoadTarget(connection, profile, settings, capabilities);
}

/** Sends the flag with an update that matches nothing. */
async function takesTimestampFlag(
  connection: MongoConnection,
  { progressDatabase, signal }: LoadTargetSettings,
): Promise<boolean> {
  try {
    const fields = { bypassEmptyTsReplacement: true };
    await updateProgress(connection, progressDatabase, [PROBE], { fields, signal });
    return true;
  } catch (error) {
    if (saysNotSupported(error)) return false;
    throw error;
  }
}

class MongodbLoadTarget extends MongodbStructure implements LoadTarget {
  readonly url: string;
  readonly profile: TargetProfile;
  readonly limits: TargetLimits;
  readonly documentRules: DocumentRules | null;
  readonly progress: ProgressStore;
  readonly #settings: LoadTargetSettings;
  readonly #progressWrites = new PQueue({ concurrency: PROGRESS_WRITES });
  #fence: WriteFence | null = null;
  #unansweredAt = Number.NEGATIVE_INFINITY;

  constructor(
    connection: MongoConnection,
    profile: TargetProfile,
    settings: LoadTargetSettings,
    capabilities: TargetCapabilities,
  ) {
    super(connection, capabilities, isAble(profile.abilities.takesComments, connection.server));
    this.url = connection.url;
    this.profile = profile;
    this.#settings = settings;
    this.limits = batchLimits(profile.limits, connection.server);
    this.documentRules = rulesFor(profile.documents, connection.server);
    const send: SendProgress = (execute) => this.#sendProgress(execute);
    this.progress = mongodbProgressStore(connection, settings.progressDatabase, send);
  }

  async shutOut(request: FenceRequest): Promise<boolean> {
    if (!this.profile.abilities.refusesLateWrites) return false;
    const { progressDatabase, maxWriteMs, signal } = this.#settings;
    const deps = { connection: this.connection, progressDatabase, maxWriteMs, signal };
    this.#fence = await WriteFence.raise(deps, request);
    return this.#fence !== null;
  }

  async keepShutOut(): Promise<void> {
    await this.#fence?.refresh();
  }

  async login(): Promise<string | null> {
    try {
      const { authInfo } = await this.connection.command('admin', { connectionStatus: 1 });
      const users = Buffer.isBuffer(authInfo) && findElement(authInfo, 'authenticatedUsers');
      return users ? Buffer.from(users.bytes).toString('base64') : null;
    } catch (error) {
      if (saysNotSupported(error)) return null;
      throw error;
    }
  }

  mayStillWrite(): boolean {
    return performance.now() - this.#unansweredAt < this.#settings.maxWriteMs;
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
    const failures = writeErrors.map(statementFailure);
    if (!writeConcernError) return { n, failures };
    return { n, failures, undurable: notDurable(batch.namespace, writeConcernError) };
  }

  /**
   * A refused transaction did nothing: the batch goes again as single writes, which tell of each
   * one.
   */
  async #send(batch: WriteBatch, execute: Execute<CommandReply>): Promise<CommandReply> {
    if (!this.#fence) return this.#sendUnfenced(execute);
    const whole = this.#goesWhole(batch) ? await this.#fence.sendWhole(execute) : null;
    return (
      whole ?? this.#fence.send((fields, session) => execute({ ...fields, writeConcern: MAJORITY }, session))
    );
  }

  /** Inserts gain nothing, and capped collections take no part in transactions. */
  #goesWhole({ kind, keepsOrder, statements }: WriteBatch): boolean {
    const { transactionStatements, transactionBytes } = this.profile.limits;
    if (kind === 'insert' || keepsOrder || statements.length < transactionStatements) return false;
    return statements.reduce((bytes, { length }) => bytes + length, 0) <= transactionBytes;
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

  /** Index builds are left out: they outlive their command, and any owner wants what they build. */
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

function statementFailure({ index, code, duplicateIndex, message }: WriteFailure): StatementFailure {
  return {
    index,
    code,
    message,
    // A clustered collection's key has no index of its own, and so no name.
    duplicateId:
      code === SERVER_CODES.DuplicateKey && (duplicateIndex === undefined || duplicateIndex === '_id_'),
    indexName: duplicateIndex,
  };
}

function text(document: Buffer, name: string): string {
  const element = findElement(document, name);
  return element ? readString(element) : '';
}
