/** A target of MongoDB's kind as one load writes it. */
import { splitNamespace } from '@waybill/shared/base/record';
import { findElement, type RawElement } from '@waybill/shared/bson/raw';
import { readString } from '@waybill/shared/bson/values';
import {
  failureOf,
  hasServerCode,
  saysNotSupported,
  serverCode,
} from '@waybill/shared/mongo/driver/classify';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { RawSequence } from '@waybill/shared/mongo/driver/raw-value';
import type { CommandReply } from '@waybill/shared/mongo/driver/reply';
import PQueue from 'p-queue';
import { parseWriteConcern, type WriteConcern } from '../../settings/write-concern.ts';
import { Learnt } from '../learnt.ts';
import type { TargetProfile } from '../profiles/profile.ts';
import type { ProgressStore } from '../progress-store.ts';
import type { Abilities, Found } from '../rules/abilities.ts';
import type { DecidedBy, Decision } from '../rules/decisions.ts';
import { type DocumentRules, rulesFor } from '../rules/documents.ts';
import { batchLimits, type TargetLimits } from '../rules/limits.ts';
import {
  type FenceRequest,
  type LoadTarget,
  type LoadTargetSettings,
  PROGRESS_WRITES,
  type ShardKey,
  type WriteBatch,
  type WriteResult,
  type WriteTag,
} from '../target.ts';
import { findCapabilities } from './capabilities.ts';
import { decisionsOf } from './decisions.ts';
import { lackingAbility } from './lacking.ts';
import { type Execute, mongodbProgressStore, type SendProgress } from './progress-store.ts';
import { locate, readShardKeys } from './shard-keys.ts';
import { MongodbStructure, notDurable } from './structure.ts';
import { WriteFence } from './write-fence.ts';
import { statementFailure, writeOutcome } from './write-outcome.ts';
import { provenStore, WriteProof } from './write-proof.ts';

const STATEMENT_FIELDS = { insert: 'documents', update: 'updates', delete: 'deletes' } as const;

/**
 * So many batches of a collection go without a transaction after one was refused: where documents
 * are refused, more will be, and each refused transaction is work for nothing.
 */
const BATCHES_WITHOUT_WHOLE = 32;

/** Asks the server what its profile does not know. */
export async function openLoadTarget(
  connection: MongoConnection,
  profile: TargetProfile,
  kindBy: DecidedBy,
  settings: LoadTargetSettings,
): Promise<LoadTarget> {
  const { found, decisions } = await findCapabilities(connection, profile, settings);
  return new MongodbLoadTarget(connection, profile, settings, { found, abilities: decisions, kindBy });
}

interface Opened {
  readonly found: Found;
  readonly abilities: readonly Decision[];
  readonly kindBy: DecidedBy;
}

class MongodbLoadTarget extends MongodbStructure implements LoadTarget {
  readonly url: string;
  readonly limits: TargetLimits;
  readonly documentRules: DocumentRules | null;
  readonly progress: ProgressStore;
  readonly learnt = new Learnt();
  readonly #settings: LoadTargetSettings;
  /** By collection, how many batches are to go without a transaction. */
  readonly #withoutWhole = new Map<string, number>();
  readonly #progressWrites = new PQueue({ concurrency: PROGRESS_WRITES });
  #fence: WriteFence | null = null;
  readonly maxWriteMs: number;
  readonly #opened: Opened;
  readonly #concern: WriteConcern;
  /** Null where a majority acknowledges every batch. */
  readonly #proof: WriteProof | null;
  #unansweredAt = Number.NEGATIVE_INFINITY;

  constructor(
    connection: MongoConnection,
    profile: TargetProfile,
    settings: LoadTargetSettings,
    opened: Opened,
  ) {
    super(connection, profile, opened.found);
    this.#opened = opened;
    this.url = connection.url;
    this.#settings = settings;
    this.limits = batchLimits(profile.limits, connection.server);
    this.documentRules = rulesFor(profile.documents, connection.server);
    this.#concern = parseWriteConcern(settings.writeConcern ?? 'majority');
    this.#proof = this.#concern === 'majority' ? null : new WriteProof(connection, settings.progressDatabase);
    const send: SendProgress = (execute) => this.#sendProgress(execute);
    const store = mongodbProgressStore(connection, settings.progressDatabase, opened.found, send);
    this.progress = this.#proof ? provenStore(store, this.#proof) : store;
    this.maxWriteMs = Math.max(settings.maxWriteMs, profile.limits.writeMs ?? 0);
  }

  async shutOut(request: FenceRequest): Promise<boolean> {
    if (!this.profile.abilities.refusesLateWrites) return false;
    const { progressDatabase, maxWriteMs, signal } = this.#settings;
    const writeConcern = { w: this.#concern };
    const deps = { connection: this.connection, progressDatabase, maxWriteMs, writeConcern, signal };
    this.#fence = await WriteFence.raise(deps, request);
    return this.#fence !== null;
  }

  decisions(): readonly Decision[] {
    const { profile, limits, maxWriteMs } = this;
    const refusesLateWrites = this.#fence !== null;
    const learnt = this.learnt.facts();
    const settled = {
      ...this.#opened,
      profile,
      limits,
      maxWriteMs,
      refusesLateWrites,
      learnt,
      writeConcern: this.#concern,
    };
    return decisionsOf(settled, this.connection.server);
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

  async proveWrites(): Promise<void> {
    await this.#proof?.prove();
  }

  mayStillWrite(): boolean {
    return performance.now() - this.#unansweredAt < this.maxWriteMs;
  }

  shardKeys(namespaces: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, ShardKey>> {
    return readShardKeys(this.connection, namespaces, signal);
  }

  locate(
    namespace: string,
    ids: readonly RawElement[],
    fields: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly Buffer[]> {
    return locate(this.connection, namespace, ids, fields, signal);
  }

  async write(batch: WriteBatch, tag: WriteTag): Promise<WriteResult> {
    await this.#proof?.before(tag);
    for (;;) {
      const known = this.learnt.lacking();
      try {
        return await this.#write(batch, tag);
      } catch (error) {
        const lacks = lackingAbility(error);
        // A command without that field does the same, as far as the target can. Another batch that
        // was under way may have learnt it meanwhile.
        if (!lacks || known.has(lacks)) throw error;
        this.learnt.lack(lacks, failureOf(error)?.message ?? '');
      }
    }
  }

  #has(ability: keyof Abilities): boolean {
    return this.can[ability] && !this.learnt.lacks(ability);
  }

  async #write(batch: WriteBatch, tag: WriteTag): Promise<WriteResult> {
    const { database, collection } = splitNamespace(batch.namespace);
    const takesDocuments = batch.kind !== 'delete';
    const command = {
      [batch.kind]: collection,
      [STATEMENT_FIELDS[batch.kind]]: new RawSequence(batch.statements),
      ordered: false,
      ...(this.#has('takesTimeLimits') && { maxTimeMS: this.#settings.maxWriteMs }),
      ...(takesDocuments &&
        batch.bypassValidation &&
        this.#has('bypassesValidation') && { bypassDocumentValidation: true }),
      ...(takesDocuments &&
        this.can.keepsEmptyTimestamps &&
        this.can.hasTimestampFlag && { bypassEmptyTsReplacement: true }),
      ...(this.#has('takesComments') && this.comment(tag)),
    };
    const reply = await this.#send(batch, (fields, session) =>
      this.connection.command(database, { ...command, ...fields }, { session }),
    );
    this.#proof?.answered();
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
    const goesWhole = this.#goesWhole(batch);
    const whole = goesWhole ? await this.#fence.sendWhole(execute) : null;
    if (goesWhole && whole === null) this.#withoutWhole.set(batch.namespace, BATCHES_WITHOUT_WHOLE);
    return (
      whole ??
      this.#fence.send((fields, session) =>
        execute({ ...fields, writeConcern: { w: this.#concern } }, session),
      )
    );
  }

  /** Inserts gain nothing, and capped collections take no part in transactions. */
  #goesWhole({ kind, keepsOrder, statements, namespace }: WriteBatch): boolean {
    const { transactionStatements, transactionBytes } = this.profile.limits;
    if (kind === 'insert' || keepsOrder || statements.length < transactionStatements) return false;
    const without = this.#withoutWhole.get(namespace) ?? 0;
    if (without > 0) {
      this.#withoutWhole.set(namespace, without - 1);
      return false;
    }
    return statements.reduce((bytes, { length }) => bytes + length, 0) <= transactionBytes;
  }

  async #sendUnfenced(execute: Execute<CommandReply>): Promise<CommandReply> {
    try {
      return await execute({ writeConcern: { w: this.#concern } });
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
    if (!this.can.takesComments || !this.can.showsOperations) return null;
    for (const allUsers of [true, false]) {
      try {
        return (await this.#runningEpochs(tag, allUsers)).some((epoch) => epoch < tag.epoch);
      } catch (error) {
        if (!hasServerCode(error, 'Unauthorized') && !saysNotSupported(error)) throw error;
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

function text(document: Buffer, name: string): string {
  const element = findElement(document, name);
  return element ? readString(element) : '';
}
