/**
 * One collection's share of what a cutover gives back. Each index goes from what stands on the
 * target to what the registry wants.
 */

import { findElement } from '@waybill/shared/bson/raw';
import { hasServerCode } from '@waybill/shared/mongo/driver/classify';
import type { Expiry } from '@waybill/shared/mongo/facts/index-meaning';
import { isRefusal, refusalText } from '../structure/blocked.ts';
import {
  expiryOutOfRange,
  finalIndex,
  hasSameKey,
  heldBackOf,
  indexName,
  translateIndex,
} from '../structure/index-spec.ts';
import { IN_THE_WAY } from '../structure/indexes.ts';
import { isCapped } from '../structure/options.ts';
import { isCollatedThere } from '../structure/refused-by-kind.ts';
import type { CollectionRecord, IndexRecord, IndexState } from '../structure/registry.ts';
import type { LoadTarget, WriteTag } from '../target/target.ts';
import { IndexCommands } from './index-commands.ts';

export type RestoreKind = 'hidden' | 'ttl' | 'unique';

/** One index, or the expiry of a clustered collection (then without a name). */
export interface RestoreReport {
  readonly namespace: string;
  readonly index: string;
  /**
   * restored: it is as on the source, for the kinds asked for. refused: the target's documents
   * violate it, or the target does not take it. It stands there in its held-back form, or not at
   * all. skipped: no server has such an index, or the load was told to build none.
   */
  readonly outcome: 'refused' | 'restored' | 'skipped';
  readonly note: string | null;
}

/**
 * Deferred: waits for the option that tells it from another index. The others: unwanted, or unknown
 * to every server.
 */
const NOT_BUILT_YET: ReadonlySet<IndexState> = new Set(['deferred', 'left-out', 'skipped']);

interface CollectionRestoreDeps {
  readonly target: LoadTarget;
  readonly tag: WriteTag;
  readonly kinds: ReadonlySet<RestoreKind>;
  /** Whether the source's server expires documents of capped collections. */
  readonly cappedExpires: boolean;
  readonly signal: AbortSignal;
}

export class CollectionRestore {
  readonly #record: CollectionRecord;
  readonly #deps: CollectionRestoreDeps;
  readonly #commands: IndexCommands;
  readonly #options: { readonly collated: boolean };
  /** Whether indexes expire documents on the source at all. */
  readonly #expires: boolean;

  constructor(record: CollectionRecord, deps: CollectionRestoreDeps) {
    this.#record = record;
    this.#deps = deps;
    this.#commands = new IndexCommands(record.namespace, deps);
    this.#options = { collated: isCollatedThere(record, deps.target.profile) };
    this.#expires = deps.cappedExpires || !isCapped(record.options);
  }

  get indexes(): readonly IndexRecord[] {
    return this.#record.indexes;
  }

  /**
   * Builds in their held-back form the indexes that do not stand there. Documents that were in the
   * way may have been mended or changed since; or an earlier attempt was killed while it rebuilt an
   * index.
   */
  async buildMissing(): Promise<RestoreReport[]> {
    const missing = this.indexes.filter(({ state }) => !NOT_BUILT_YET.has(state));
    if (missing.length === 0) return [];
    const standing = (await this.#commands.standing()).map(indexName);
    const reports: RestoreReport[] = [];
    for (const index of missing) {
      const { heldBack } = translateIndex(index.spec, this.#options);
      if (standing.includes(index.name) || heldBack === null) continue;
      try {
        await this.#commands.create(heldBack);
      } catch (error) {
        if (!isRefusal(error)) throw error;
        reports.push(this.#report(index, 'refused', refusalText(error)));
      }
    }
    return reports;
  }

  async violations(): Promise<RestoreReport[]> {
    if (!this.#deps.target.capabilities.convertsToUnique) return [];
    const standing = await this.#commands.standing();
    const reports: RestoreReport[] = [];
    for (const index of this.indexes) {
      if (index.state === 'left-out') continue;
      const spec = standing.find((one) => indexName(one) === index.name);
      if (!spec || !hasSameKey(spec, index.spec)) continue;
      if (!heldBackOf(index.spec).unique || heldBackOf(spec).unique) continue;
      const refusal = await this.#tryUnique(index).catch((error: unknown) => {
        if (!isRefusal(error)) throw error;
        return refusalText(error);
      });
      if (refusal !== null) reports.push(this.#report(index, 'refused', refusal));
    }
    return reports;
  }

  /**
   * A crash or a failure in between may leave prepareUnique, and leaves its mark. The next cutover
   * goes on from there, or a load whose documents the index refuses.
   */
  async #tryUnique(index: IndexRecord): Promise<string | null> {
    await this.#commands.mark(index.name);
    const made = await this.#commands.tryUnique(index.name);
    await this.#commands.unmark(index.name);
    if (made === null) return 'the load held it back again, because the source was written to';
    return made.unique ? null : violationText(made.violations);
  }

  async restore(index: IndexRecord): Promise<RestoreReport> {
    if (index.state === 'skipped' || index.state === 'left-out')
      return this.#report(index, 'skipped', index.note);
    try {
      const spec = await this.#commands.find(index.name);
      if (spec && !hasSameKey(spec, index.spec)) return this.#report(index, 'refused', IN_THE_WAY);
      const refusal = spec ? await this.#convert(index, spec) : await this.#create(index);
      return this.#report(index, refusal === null ? 'restored' : 'refused', refusal ?? index.note);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      return this.#report(index, 'refused', refusalText(error));
    }
  }

  /**
   * Creates an index that waited, was deferred, or was refused before: at once in its final form,
   * apart from kinds that are not asked for.
   */
  async #create(index: IndexRecord): Promise<string | null> {
    const expires = this.#deps.kinds.has('ttl') && this.#expires;
    const final = finalIndex(index.spec, { ...this.#options, expires });
    const refuses = refusesDuplicates(index.spec);
    if (refuses) await this.#commands.mark(index.name);
    try {
      await this.#commands.create(final!);
      return this.#outOfRange(index);
    } catch (error) {
      if (!hasServerCode(error, 'DuplicateKey')) throw error;
      await this.#commands.unmark(index.name);
      return violationText(1);
    }
  }

  /** Null, or why it stays as it is. */
  async #convert(index: IndexRecord, standing: Buffer): Promise<string | null> {
    const { kinds, target } = this.#deps;
    const wanted = heldBackOf(index.spec);
    const has = heldBackOf(standing);
    // An index that refuses duplicates already and has no mark is somebody else's work.
    if (kinds.has('unique') && refusesDuplicates(index.spec) && !refusesDuplicates(standing)) {
      await this.#commands.mark(index.name);
    }
    if (kinds.has('unique') && wanted.unique && !has.unique) {
      if (!target.capabilities.convertsToUnique) return this.#rebuild(index);
      const made = await this.#commands.makeUnique(index.name);
      if (!made.unique) {
        await this.#commands.unmark(index.name);
        return violationText(made.violations);
      }
    }
    if (kinds.has('unique') && wanted.prepareUnique && !has.prepareUnique) {
      await this.#commands.modify(index.name, { prepareUnique: true });
    }
    if (kinds.has('hidden') && wanted.hidden !== has.hidden) {
      await this.#commands.modify(index.name, { hidden: wanted.hidden });
    }
    return this.#outOfRange(index) ?? (kinds.has('ttl') ? this.#convertExpiry(index, has.expiry) : null);
  }

  /**
   * Asked before anything expires: a cutover that has to stop here stops before the target deletes
   * by itself.
   */
  #outOfRange({ spec }: IndexRecord): string | null {
    const { expiry } = heldBackOf(spec);
    const isRefused = this.#expires && expiry.kind === 'beyond' && expiry.seconds < 0;
    return isRefused ? expiryOutOfRange(expiry.seconds) : null;
  }

  /** From 5.1 on a server gives an ordinary index an expiry. No server takes one away. */
  async #convertExpiry(index: IndexRecord, has: Expiry): Promise<string | null> {
    const wanted = heldBackOf(index.spec).expiry;
    const seconds = this.#expires && wanted.kind === 'after' ? wanted.seconds : null;
    if (seconds === (has.kind === 'none' ? null : has.seconds)) return null;
    if (seconds === null) return this.#rebuild(index);
    try {
      await this.#commands.modify(index.name, { expireAfterSeconds: seconds });
      return null;
    } catch (error) {
      if (!isRefusal(error)) throw error;
      return this.#rebuild(index);
    }
  }

  /**
   * For what the server cannot convert: drops the index, and creates it in its final form. If that
   * is refused, the held-back form comes back. A crash in between leaves no index of that name; the
   * next run creates it.
   */
  async #rebuild(index: IndexRecord): Promise<string | null> {
    await this.#commands.drop(index.name);
    const refusal = await this.#create(index).catch((error: unknown) => {
      if (!isRefusal(error)) throw error;
      return refusalText(error);
    });
    if (refusal === null) return null;
    const { heldBack } = translateIndex(index.spec, this.#options);
    await this.#commands.create(heldBack!);
    return refusal;
  }

  /** A clustered collection's own expiry. */
  async restoreCollectionExpiry(): Promise<RestoreReport[]> {
    const { namespace, options, blocked } = this.#record;
    const expiry = findElement(options, 'expireAfterSeconds');
    if (!expiry || blocked.some(({ option }) => option === 'expireAfterSeconds')) return [];
    await this.#commands.modifyCollection([['expireAfterSeconds', expiry]]);
    return [{ namespace, index: '', outcome: 'restored', note: null }];
  }

  #report({ name }: IndexRecord, outcome: RestoreReport['outcome'], note: string | null): RestoreReport {
    return { namespace: this.#record.namespace, index: name, outcome, note };
  }
}

function refusesDuplicates(spec: Uint8Array): boolean {
  const { unique, prepareUnique } = heldBackOf(spec);
  return unique || prepareUnique;
}

/** Without the keys themselves: they are data. */
function violationText(keys: number): string {
  return `${keys === 1 ? 'at least one key stands' : `${keys} keys stand`} in more than one document on the target`;
}
