/**
 * What a target can do, found by trying it in a collection of our own, in the database of the
 * progress. Nothing else is touched, and the collection is dropped in the end.
 *
 * A server that says that it lacks something is told from one that fails. A probe that fails in
 * another way finds nothing: the load goes on without the ability, and says so. Failures that may
 * pass are thrown, so that the caller tries again.
 */
import { randomBytes } from 'node:crypto';
import { isTransient } from '@waybill/shared/base/errors';
import { buildDocument, int32, string, timestamp } from '@waybill/shared/bson/build';
import { failureOf, hasServerCode, refusal, saysNotSupported } from '@waybill/shared/mongo/driver/classify';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { RawSequence } from '@waybill/shared/mongo/driver/raw-value';
import { readAll } from '@waybill/shared/mongo/driver/read-all';
import { listCollections } from '@waybill/shared/mongo/facts/collections';
import type { Abilities, Ability } from '../rules/abilities.ts';
import { writeOutcome } from './write-outcome.ts';

/** Named by when it was made: what a process has left that died goes after a while. */
const NAME = /^waybill_probe_(\d{13})_[0-9a-f]{8}(?:_moved)?$/;
const LEFT_MS = 600_000;
const LIMIT_MS = 30_000;

export interface Probed {
  readonly able: boolean;
  /** Why it is not known better: the server's words. */
  readonly failure: string | null;
}

type Probe = (place: ProbePlace) => Promise<boolean>;

type ProbeName = {
  [Name in keyof Abilities]: Ability extends Abilities[Name] ? Name : never;
}[keyof Abilities];

/** True: it can. False: it did something else than was asked. */
const PROBES: Readonly<Record<ProbeName, Probe>> = {
  keepsEmptyTimestamps: async (place) => {
    const document = buildDocument([
      ['_id', string('timestamp')],
      ['at', timestamp(0n)],
    ]);
    await place.insert(document);
    return (await place.read('timestamp')).equals(document);
  },
  updatesByPipeline: async (place) => {
    await place.insert(buildDocument([['_id', string('pipeline')]]));
    const wanted = { _id: 'pipeline', value: 1 };
    const u = [{ $replaceWith: { $literal: wanted } }];
    await place.write({ update: place.name, updates: [{ q: { _id: 'pipeline' }, u }] });
    const expected = buildDocument([
      ['_id', string('pipeline')],
      ['value', int32(1)],
    ]);
    return (await place.read('pipeline')).equals(expected);
  },
  takesTimeLimits: async (place) => {
    await place.insert(buildDocument([['_id', string('limit')]]), { maxTimeMS: LIMIT_MS });
    return true;
  },
  bypassesValidation: async (place) => {
    await place.insert(buildDocument([['_id', string('bypass')]]), { bypassDocumentValidation: true });
    return true;
  },
  modifiesCollections: async (place) => {
    await place.command({ collMod: place.name, validationLevel: 'moderate' });
    return true;
  },
  renamesCollections: async (place) => {
    await place.rename();
    return true;
  },
};

/** In an order in which none disturbs the next. */
const ORDER = Object.keys(PROBES) as readonly ProbeName[];

export function probedAbilities(abilities: Abilities): readonly ProbeName[] {
  return ORDER.filter((name) => abilities[name] === 'probe');
}

/** @throws MONGO_* that may pass, the signal's reason */
export async function probe(
  connection: MongoConnection,
  database: string,
  names: readonly ProbeName[],
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<ProbeName, Probed>> {
  const found = new Map<ProbeName, Probed>();
  if (names.length === 0) return found;
  const place = new ProbePlace(connection, database, signal);
  try {
    await place.insert(buildDocument([['_id', string('first')]]));
    for (const name of names) found.set(name, await tried(() => PROBES[name](place)));
  } finally {
    await place.clear();
  }
  return found;
}

async function tried(attempt: () => Promise<boolean>): Promise<Probed> {
  try {
    return { able: await attempt(), failure: null };
  } catch (error) {
    if (saysNotSupported(error)) return { able: false, failure: null };
    const failure = failureOf(error);
    if (!failure || isTransient(error)) throw error;
    return { able: false, failure: failure.message };
  }
}

class ProbePlace {
  readonly #connection: MongoConnection;
  readonly #database: string;
  readonly #signal: AbortSignal | undefined;
  name: string;

  constructor(connection: MongoConnection, database: string, signal: AbortSignal | undefined) {
    this.#connection = connection;
    this.#database = database;
    this.#signal = signal;
    this.name = `waybill_probe_${Date.now()}_${randomBytes(4).toString('hex')}`;
  }

  insert(document: Buffer, fields: object = {}): Promise<void> {
    return this.write({ insert: this.name, documents: new RawSequence([document]), ...fields });
  }

  async read(id: string): Promise<Buffer> {
    const command = { find: this.name, filter: { _id: id }, limit: 1 };
    const [found] = await readAll(this.#connection, this.#database, command, { signal: this.#signal });
    return found ?? Buffer.alloc(0);
  }

  async write(command: Readonly<Record<string, unknown>>): Promise<void> {
    const reply = await this.command({ ...command, writeConcern: { w: 'majority' } });
    const [refused] = writeOutcome(reply).writeErrors;
    if (refused) throw refusal(refused.code, refused.message);
  }

  command(command: Readonly<Record<string, unknown>>, database = this.#database) {
    return this.#connection.command(database, command, { signal: this.#signal });
  }

  async rename(): Promise<void> {
    const to = `${this.name}_moved`;
    const command = { renameCollection: `${this.#database}.${this.name}`, to: `${this.#database}.${to}` };
    await this.command(command, 'admin');
    this.name = to;
  }

  /** Its own, and what older ones have left. Never fails: the next start clears up. */
  async clear(): Promise<void> {
    try {
      const listed = await listCollections(this.#connection, this.#database, { signal: this.#signal });
      const left = listed.filter(({ name }) => Date.now() - Number(NAME.exec(name)?.[1]) > LEFT_MS);
      for (const name of [this.name, ...left.map((each) => each.name)]) await this.#drop(name);
    } catch {
      // Whatever keeps it from listing or dropping is told where it matters.
    }
  }

  async #drop(name: string): Promise<void> {
    try {
      await this.command({ drop: name });
    } catch (error) {
      if (!hasServerCode(error, 'NamespaceNotFound')) throw error;
    }
  }
}
