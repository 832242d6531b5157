/**
 * Batches that fewer members than a majority have acknowledged may be lost by an election, while
 * the cursor, which a majority holds, survives. So before progress is written, a majority write
 * goes behind the batches, and says in which election's term it was made.
 *
 *   proof (term 7) ── batches ── proof (term 7) ── cursor     the majority holds the batches too
 *   proof (term 7) ── batches ── proof (term 8)               they may be lost: the load ends
 *
 * Within one term a majority holds all that came before what it holds. Terms only grow, and a
 * driver that has seen a later primary sends nothing to an earlier one. So equal terms on both
 * sides leave no room for another one between. The next start writes the batches again: no cursor
 * has passed them. A batch may be under way while a proof is made, and be done behind it: so what
 * counts is when it is acknowledged.
 *
 * Behind mongos, and on servers of other kinds, replies name no election: there nothing is proven.
 */
import { WaybillError } from '@waybill/shared/base/errors';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { PROGRESS_COLLECTION } from '@waybill/shared/mongo/facts/own-progress';
import type { ProgressStore } from '../progress-store.ts';
import type { WriteTag } from '../target.ts';
import { notDurable } from './structure.ts';
import { writeOutcome } from './write-outcome.ts';

/** After this without a majority the load says so, and tries again. */
const MAJORITY_MS = 5000;

export class WriteProof {
  readonly #connection: MongoConnection;
  readonly #database: string;
  /** Of the last proof; undefined before the first. */
  #election: string | null | undefined;
  #first: Promise<void> | null = null;
  #proving: Promise<void> | null = null;
  #tag: WriteTag | null = null;
  #unproven = false;
  #lost: WaybillError | null = null;

  constructor(connection: MongoConnection, progressDatabase: string) {
    this.#connection = connection;
    this.#database = progressDatabase;
  }

  /** Comes before each batch. */
  async before(tag: WriteTag): Promise<void> {
    this.#tag = tag;
    if (this.#election !== undefined) return;
    this.#first ??= this.#prove(tag).finally(() => {
      this.#first = null;
    });
    await this.#first;
  }

  /** Comes when a batch has its answer, before anybody relies on it. */
  answered(): void {
    this.#unproven = true;
  }

  /** Comes before anything says that the batches are there. @throws TARGET_LOST_WRITES */
  async prove(): Promise<void> {
    while (this.#proving) await this.#proving;
    if (this.#lost) throw this.#lost;
    if (!this.#unproven || !this.#tag) return;
    // What is acknowledged from here on is for the next proof.
    this.#unproven = false;
    this.#proving = this.#prove(this.#tag)
      .catch((error: unknown) => {
        this.#unproven = true;
        throw error;
      })
      .finally(() => {
        this.#proving = null;
      });
    await this.#proving;
  }

  async #prove({ load, epoch }: WriteTag): Promise<void> {
    const q = { _id: `${load}/proof` };
    const u = { $set: { kind: 'proof', load, epoch, at: new Date() } };
    const reply = await this.#connection.command(this.#database, {
      update: PROGRESS_COLLECTION,
      updates: [{ q, u, upsert: true }],
      writeConcern: { w: 'majority', wtimeout: MAJORITY_MS },
    });
    const { writeConcernError } = writeOutcome(reply);
    if (writeConcernError) throw notDurable(this.#database, writeConcernError);
    const election = reply.electionId === undefined ? null : String(reply.electionId);
    const before = this.#election;
    this.#election = election;
    if (before === undefined || before === election) return;
    this.#lost = lostWrites();
    throw this.#lost;
  }
}

function lostWrites(): WaybillError {
  return new WaybillError(
    'TARGET_LOST_WRITES',
    'the target has elected a primary while batches were acknowledged by fewer members than a majority: they may be lost',
    {
      hint: 'Run the same command again: no cursor has passed these batches, so they are written again. With --write-concern majority an election does not end a load.',
    },
  );
}

/** What less than a majority acknowledged is proven before progress says that it is there. */
export function provenStore(store: ProgressStore, proof: WriteProof): ProgressStore {
  return {
    ...store,
    update: async (changes) => {
      await proof.prove();
      return store.update(changes);
    },
    remove: async (ids) => {
      await proof.prove();
      await store.remove(ids);
    },
  };
}
