import { WaybillError } from '@waybill/shared/base/errors';
import { elements } from '@waybill/shared/bson/raw';
import { readString } from '@waybill/shared/bson/values';
import { stateHint } from '@waybill/shared/mongo/driver/classify';
import type { CommandOptions, MongoConnection, Session } from '@waybill/shared/mongo/driver/connection';
import type { RawElement } from '@waybill/shared/mongo/driver/raw-value';
import { readAll } from '@waybill/shared/mongo/driver/read-all';
import { isTransientServerCode, SERVER_CODES } from '@waybill/shared/mongo/driver/server-codes';
import { PROGRESS_COLLECTION, progressIn } from '@waybill/shared/mongo/facts/own-progress';
import type {
  CollectionHolder,
  ProgressChange,
  ProgressDocument,
  ProgressStore,
  ProgressValue,
} from '../progress-store.ts';
import type { Found } from '../rules/abilities.ts';
import { writeOutcome } from './write-outcome.ts';

/**
 * A present majority answers in far less. After this the write is made again, and the log says so.
 */
const MAJORITY_MS = 5000;
/** Matches nothing. Whether it succeeds tells whether the server takes the command around it. */
export const PROBE: ProgressChange = { id: '/probe', set: { probe: true } };
/** As long as a lease and more: progress is not given up before the ownership itself is lost. */
const MAX_TIME_MS = 30_000;

/** Sends a command with these fields in it, in this session. */
export type Execute<T> = (fields: Readonly<Record<string, unknown>>, session?: Session) => Promise<T>;

/** How an unconditional write of progress is sent. */
export type SendProgress = <T>(execute: Execute<T>) => Promise<T>;

const AS_IT_IS: SendProgress = (execute) => execute({});

/** What the target takes in a command that writes progress. */
export type ProgressForms = Pick<Found, 'confirmsJournal' | 'takesTimeLimits'>;

const ALL_FORMS: ProgressForms = { confirmsJournal: true, takesTimeLimits: true };

export function mongodbProgressStore(
  connection: MongoConnection,
  database: string,
  forms: ProgressForms,
  send: SendProgress = AS_IT_IS,
): ProgressStore {
  const namespace = `${database}.${PROGRESS_COLLECTION}`;
  return {
    namespace,
    contents: (signal) => progressIn(connection, namespace, signal),
    find: (prefix) => find(connection, database, prefix),
    holders: (taken) => holders(connection, database, taken, forms),
    update: (changes) => {
      // Late ones fail by their conditions.
      const areConditional = changes.every(({ when }) => when !== undefined);
      const goes = areConditional ? AS_IT_IS : send;
      return goes((fields, session) =>
        updateProgress(connection, database, changes, { fields, session, forms }),
      );
    },
    remove: (ids) => send((fields, session) => remove(connection, database, ids, { fields, session, forms })),
  };
}

async function find(
  connection: MongoConnection,
  database: string,
  prefix: string,
): Promise<ProgressDocument[]> {
  const filter = { _id: { $gte: prefix, $lt: endOfPrefix(prefix) } };
  const command = { find: PROGRESS_COLLECTION, filter, sort: { _id: 1 } };
  const found = await readAll(connection, database, command);
  return found.map((document) => readDocument(document) as ProgressDocument);
}

/** No index serves this. It is asked for a collection that stood there before the load. */
async function holders(
  connection: MongoConnection,
  database: string,
  namespaces: readonly string[],
  forms: ProgressForms,
): Promise<CollectionHolder[]> {
  if (namespaces.length === 0) return [];
  const filter = { kind: 'collection', namespace: { $in: namespaces } };
  const projection = { load: 1, namespace: 1, targetUuid: 1 };
  const command = { find: PROGRESS_COLLECTION, filter, projection, ...limitOf(forms) };
  const found = (await readAll(connection, database, command)).map(readDocument);
  return found
    .map(({ load, namespace, targetUuid }) => ({
      namespace: String(namespace),
      load: String(load),
      targetUuid: typeof targetUuid === 'string' ? targetUuid : null,
    }))
    .sort((a, b) => (a.load < b.load ? -1 : 1));
}

/**
 * The least string after all those that begin with the prefix, whatever follows it. The prefix ends
 * in a character of ours, which is ASCII.
 */
function endOfPrefix(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}

export interface UpdateOptions extends CommandOptions {
  /** Further fields of the command, or replacements of ours. */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** Default: everything that MongoDB takes. */
  readonly forms?: ProgressForms;
}

/** {@link ProgressStore.update} */
export async function updateProgress(
  connection: MongoConnection,
  database: string,
  changes: readonly ProgressChange[],
  { fields, forms = ALL_FORMS, ...options }: UpdateOptions = {},
): Promise<number> {
  if (changes.length === 0) return 0;
  const command = {
    update: PROGRESS_COLLECTION,
    updates: changes.map(({ id, when, set, setOnInsert, upsert }) => ({
      q: { _id: id, ...when },
      u: { $set: set, ...(setOnInsert && { $setOnInsert: setOnInsert }) },
      upsert: upsert ?? false,
    })),
    ordered: false,
    // Journaled too, for a target without a replica set: its journal keeps the order of writes, so
    // what was acknowledged before this one is on disk.
    writeConcern: { w: 'majority', ...(forms.confirmsJournal && { j: true, wtimeout: MAJORITY_MS }) },
    ...limitOf(forms),
    ...fields,
  };
  const reply = await connection.command(database, command, options);
  const { n, writeErrors, writeConcernError } = writeOutcome(reply);
  if (writeConcernError) {
    throw new WaybillError(
      'MONGO_TRANSIENT',
      `progress was not acknowledged by a majority: ${writeConcernError.message}`,
    );
  }
  // A duplicate key: the conditions of an upsert did not hold, so it tried to insert a second one.
  const refused = writeErrors.find(({ code }) => code !== SERVER_CODES.DuplicateKey);
  if (refused) {
    if (isTransientServerCode(refused.code)) {
      throw new WaybillError(
        'MONGO_TRANSIENT',
        `the target did not take a write of progress: ${refused.message}`,
        {
          hint: stateHint(refused.code),
          context: { serverCode: refused.code },
        },
      );
    }
    throw new WaybillError(
      'MONGO_COMMAND_FAILED',
      `the target refused the load's progress: ${refused.message}`,
      {
        hint: `Check the collection ${database}.${PROGRESS_COLLECTION} on the target: it must be an ordinary one without a validator or unique indexes.`,
        context: { serverCode: refused.code },
      },
    );
  }
  return n;
}

async function remove(
  connection: MongoConnection,
  database: string,
  ids: readonly string[],
  { fields, forms = ALL_FORMS, ...options }: UpdateOptions,
): Promise<void> {
  if (ids.length === 0) return;
  const command = {
    delete: PROGRESS_COLLECTION,
    deletes: ids.map((id) => ({ q: { _id: id }, limit: 1 })),
    ordered: false,
    writeConcern: { w: 'majority', ...(forms.confirmsJournal && { j: true }) },
    ...limitOf(forms),
    ...fields,
  };
  await connection.command(database, command, options);
}

function limitOf({ takesTimeLimits }: ProgressForms): { maxTimeMS?: number } {
  return takesTimeLimits ? { maxTimeMS: MAX_TIME_MS } : {};
}

function readDocument(bytes: Uint8Array): Record<string, ProgressValue> {
  const document: Record<string, ProgressValue> = {};
  for (const element of elements(bytes)) document[element.name] = readValue(element);
  return document;
}

/** The types that {@link ProgressValue}s are stored as. */
function readValue(element: RawElement): ProgressValue {
  const bytes = Buffer.from(element.bytes.buffer, element.bytes.byteOffset, element.bytes.byteLength);
  switch (element.type) {
    case 0x01:
      return bytes.readDoubleLE(0);
    case 0x02:
      return readString(element);
    case 0x03:
      return readDocument(bytes);
    case 0x04:
      return [...elements(bytes)].map(readValue);
    case 0x05:
      return Buffer.from(bytes.subarray(5));
    case 0x08:
      return bytes[0] === 1;
    case 0x09:
      return new Date(Number(bytes.readBigInt64LE(0)));
    case 0x0a:
      return null;
    case 0x10:
      return bytes.readInt32LE(0);
    case 0x12:
      return Number(bytes.readBigInt64LE(0));
    default:
      throw new WaybillError(
        'MONGO_COMMAND_FAILED',
        'the progress collection on the target holds a value of a type that Waybill does not write',
      );
  }
}
