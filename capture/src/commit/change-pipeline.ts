/**
 * Takes units to the manifest: images | sequences | encode and upload | commit. The images of one
 * commit are looked up while the commit before is encoded and uploaded. Sequences are given out and
 * commits are made strictly in order.
 *
 * At most `inFlight` units are in here; `push` waits for room, and so does the reading. A crash at
 * any await leaves at most files that no commit names: position, sequences and segment become
 * visible in one commit (INV-6).
 */
import type { Logger } from '@waybill/shared/base/logger';
import type { CaptureStats } from '@waybill/shared/base/stats';
import type { CollectionDefinition, CommitBody } from '@waybill/shared/manifest/commit';
import { followDdl } from '@waybill/shared/manifest/follow-ddl';
import type { ToldDdl } from '../catalog/synthetic-ddl.ts';
import type { ImageLookup, ImageResult } from '../images/image-lookup.ts';
import { MissingWatch } from '../images/missing-watch.ts';
import type { Committer } from './committer.ts';
import { cutInHalf } from './cutting.ts';
import type { PipelineUnit, PositionOnly, SealedChanges, SealedDdl } from './units.ts';
import { type UploadOptions, uploadChanges } from './upload.ts';

export interface PipelineOptions {
  readonly committer: Committer;
  /** Null: images come with the events or not at all. */
  readonly images: ImageLookup | null;
  readonly upload: UploadOptions;
  readonly inFlight: number;
  readonly missingLimit: number;
  readonly stats: CaptureStats;
  readonly logger: Logger;
  /** Seconds of one commit, upload included. */
  readonly observeCommit: (seconds: number) => void;
  /** Called once, so that the reading stops. */
  readonly onFailure: (error: unknown) => void;
}

interface Order {
  /** Everything before has its sequences. */
  readonly numbered: Promise<void>;
  readonly committed: Promise<void>;
}

export class ChangePipeline {
  readonly #options: PipelineOptions;
  readonly #missing: MissingWatch;
  #last: Order = { numbered: Promise.resolve(), committed: Promise.resolve() };
  #sequence: number;
  #running = 0;
  #room = Promise.withResolvers<void>();
  #failure: { readonly error: unknown } | null = null;

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.#missing = new MissingWatch(options.missingLimit, options.logger);
    this.#sequence = options.committer.state.lastSequence;
  }

  /**
   * Takes the next unit. Fulfilled when there is room for another; rejects once anything has
   * failed. Only the handover calls it.
   */
  async push(unit: PipelineUnit): Promise<void> {
    while (this.#failure === null && this.#running >= this.#options.inFlight) await this.#room.promise;
    if (this.#failure !== null) throw this.#failure.error;
    this.#running++;
    const numbered = Promise.withResolvers<void>();
    numbered.promise.catch(() => undefined);
    const committed = this.#run(unit, this.#last, numbered.resolve);
    this.#last = { numbered: numbered.promise, committed };
    committed.then(
      () => this.#release(),
      (error: unknown) => {
        numbered.reject(error);
        this.#fail(error);
      },
    );
  }

  /** Fulfilled when everything pushed is committed. */
  async drain(): Promise<void> {
    await this.#last.committed;
    if (this.#failure !== null) throw this.#failure.error;
  }

  /** The first failure ends everything: nothing is committed after it. */
  #fail(error: unknown): void {
    if (this.#failure === null) {
      this.#failure = { error };
      this.#options.onFailure(error);
    }
    this.#room.resolve();
  }

  #release(): void {
    this.#running--;
    this.#room.resolve();
    this.#room = Promise.withResolvers<void>();
  }

  async #run(unit: PipelineUnit, before: Order, onNumbered: () => void): Promise<void> {
    if (unit.kind === 'changes') return this.#runChanges(unit, before, onNumbered);
    await before.numbered;
    this.#explain(unit);
    onNumbered();
    await before.committed;
    const { committer } = this.#options;
    await committer.commit(unit.kind === 'ddl' ? this.#ddlBody(unit) : this.#positionBody(unit));
    if (unit.kind === 'position') unit.onCommitted?.();
  }

  #explain(unit: SealedDdl | PositionOnly): void {
    if (unit.kind === 'ddl') for (const { event } of unit.ddl) this.#missing.explainByDdl(event);
    else if (unit.readAgain) this.#missing.explainByReading(unit.readAgain.namespace);
    this.#missing.check(unit.position.clusterTime);
  }

  #positionBody({ position, readAgain }: PositionOnly): CommitBody {
    const { committer } = this.#options;
    const definition = readAgain?.definition;
    return {
      position: committer.position(position),
      // With an empty list of structure changes: a definition by itself would belong to the
      // inventory.
      ...(definition && { ddl: [], collections: [definition] }),
      ...(readAgain && committer.state.reading && { reading: null }),
    };
  }

  #ddlBody({ position, ddl, reading }: SealedDdl): CommitBody {
    const collections = definitionsAfter(ddl);
    return {
      position: this.#options.committer.position(position),
      ddl: ddl.map(({ event }) => event),
      ...(collections.length > 0 && { collections }),
      ...(reading && { reading }),
    };
  }

  async #runChanges(unit: SealedChanges, before: Order, onNumbered: () => void): Promise<void> {
    const attaching = this.#attach(unit, false);
    attaching.catch(() => undefined);
    await before.numbered;
    const result = await attaching;
    if (result.kind === 'too-large') {
      // This is rare, and done one after the other, since the memory of images is the limit.
      await before.committed;
      await this.#runCut(unit);
      onNumbered();
      return;
    }
    this.#number(unit, result);
    onNumbered();
    await this.#store(unit, before.committed);
  }

  async #runCut(unit: SealedChanges): Promise<void> {
    const halves = cutInHalf(unit);
    for (const half of halves) {
      const result = await this.#attach(half, halves.length === 1);
      if (result.kind === 'too-large') {
        await this.#runCut(half);
        continue;
      }
      this.#number(half, result);
      await this.#store(half, Promise.resolve());
    }
  }

  async #attach(unit: SealedChanges, unbounded: boolean): Promise<ImageResult> {
    const { images } = this.#options;
    const last = unit.changes.at(-1);
    if (images === null || last === undefined) return { kind: 'attached', missing: [], bytes: 0 };
    return images.attach(unit.changes, last.clusterTime, unbounded);
  }

  /** In commit order; what explains missing images comes before new ones. */
  #number(unit: SealedChanges, { missing }: ImageResult & { kind: 'attached' }): void {
    for (const change of unit.changes) {
      change.sequence = ++this.#sequence;
      this.#missing.explainByChange(change);
    }
    this.#missing.add(missing);
    this.#missing.check(unit.position.clusterTime);
  }

  async #store(unit: SealedChanges, turn: Promise<void>): Promise<void> {
    const { committer, upload, stats } = this.#options;
    const startedAt = performance.now();
    const segment = await uploadChanges(unit.changes, upload);
    await turn;
    await committer.commit({
      position: committer.position(unit.position),
      lastSequence: segment.lastSequence!,
      segments: [segment],
      ...(unit.partialTransaction && { partialTransaction: true }),
    });
    stats.lastCommitSeconds = (performance.now() - startedAt) / 1000;
    this.#options.observeCommit(stats.lastCommitSeconds);
    stats.changes += segment.records;
    stats.changeBytes += segment.documentBytes;
    stats.sequence = segment.lastSequence!;
  }
}

/** The definitions that the structure changes of one commit leave. */
function definitionsAfter(ddl: readonly ToldDdl[]): CollectionDefinition[] {
  const left = new Map<string, CollectionDefinition>();
  for (const { event, definition } of ddl) {
    if (definition) left.set(definition.namespace, definition);
    else followDdl(left, event);
  }
  return [...left.values()];
}
