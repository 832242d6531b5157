/**
 * From sealed commits to the manifest: images | sequences | encode and upload | commit. Images of
 * one commit are looked up while the one before is encoded and uploaded; sequences are given out
 * and commits are made strictly in order.
 *
 * At most `inFlight` sealed commits are in here; `push` waits for room, and so does the reading. A
 * crash at any await leaves at most garbage files: position, sequence and segment become visible in
 * one commit (INV-6).
 */
import { WaybillError } from '@waybill/shared/base/errors';
import type { Logger } from '@waybill/shared/base/logger';
import type { CaptureStats } from '@waybill/shared/base/stats';
import type { CollectionDefinition, DdlEvent } from '@waybill/shared/manifest/commit';
import { documentIdentity, type StreamPosition } from '../changes/change.ts';
import { cutInHalf } from '../changes/cutting.ts';
import type { ImageLookup, ImageResult } from '../changes/images.ts';
import { MissingImages } from '../changes/missing-images.ts';
import type { SealedChanges, SealedDdl } from '../changes/sealing.ts';
import type { Committer } from './committer.ts';
import { type UploadOptions, uploadChanges } from './upload.ts';

/** Only the position goes on; a request that waits for it is told once it is durable. */
export interface PositionOnly {
  readonly kind: 'position';
  readonly position: StreamPosition;
  readonly onCommitted?: (() => void) | undefined;
  /**
   * A collection that has been read whole since the position before: that explains what was not
   * found.
   */
  readonly readAgain?:
    | { readonly namespace: string; readonly definition: CollectionDefinition | null }
    | undefined;
}

export type PipelineUnit = SealedChanges | SealedDdl | PositionOnly;

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
  /** Called once; whoever reads for us should stop. */
  readonly onFailure: (error: unknown) => void;
}

/** What takes away the collection that had the name; a create tells that it is gone. */
const ENDS_COLLECTION: ReadonlySet<DdlEvent['operation']> = new Set([
  'create',
  'drop',
  'rename',
  'dropDatabase',
]);

interface Order {
  /** Sequences of everything before have been given out. */
  readonly numbered: Promise<void>;
  readonly committed: Promise<void>;
}

export class ChangePipeline {
  readonly #options: PipelineOptions;
  readonly #missing: MissingImages;
  #last: Order = { numbered: Promise.resolve(), committed: Promise.resolve() };
  #sequence: number;
  #running = 0;
  #room = Promise.withResolvers<void>();
  #unchecked = 0;
  #failure: { readonly error: unknown } | null = null;

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.#missing = new MissingImages(options.missingLimit);
    this.#sequence = options.committer.state.lastSequence;
  }

  /**
   * Takes the next unit; fulfilled when there is room for another. Rejects once anything has
   * failed.
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

  /** Everything pushed is committed. */
  async drain(): Promise<void> {
    await this.#last.committed;
    if (this.#failure !== null) throw this.#failure.error;
  }

  /** The first failure ends everything: nothing after it is committed. */
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
    if (unit.kind === 'ddl') this.#explainByDdl(unit);
    else if (unit.readAgain) this.#missing.explainNamespace(unit.readAgain.namespace);
    this.#checkMissing(unit.position);
    onNumbered();
    await before.committed;
    const { committer } = this.#options;
    const position = committer.position(unit.position);
    if (unit.kind === 'position') {
      const definition = unit.readAgain?.definition;
      await committer.commit({
        position,
        // Beside structure changes, though there are none: definitions alone would belong to the
        // inventory.
        ...(definition && { ddl: [], collections: [definition] }),
        ...(unit.readAgain && committer.state.reading && { reading: null }),
      });
      unit.onCommitted?.();
      return;
    }
    const ddl = unit.ddl.map(({ event }) => event);
    const collections = definitionsAfter(unit);
    await committer.commit({
      position,
      ddl,
      ...(collections.length > 0 && { collections }),
      ...(unit.reading && { reading: unit.reading }),
    });
  }

  async #runChanges(unit: SealedChanges, before: Order, onNumbered: () => void): Promise<void> {
    const attaching = this.#attach(unit, false);
    attaching.catch(() => undefined);
    await before.numbered;
    const result = await attaching;
    if (result.kind === 'too-large') {
      // Rare, and one after the other then: the memory of images is what is being bounded.
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

  /** In order: what the commit itself explains comes before what it leaves to explain. */
  #number(unit: SealedChanges, result: ImageResult & { kind: 'attached' }): void {
    for (const change of unit.changes) {
      change.sequence = ++this.#sequence;
      if (change.operation === 'delete' && this.#missing.size > 0) {
        this.#missing.explainDocument(documentIdentity(change.namespace, change.id));
      }
    }
    for (const { change, lookedUpAt } of result.missing) {
      // A capped collection overflows without a word on older servers.
      if (change.capped) continue;
      this.#missing.add(documentIdentity(change.namespace, change.id), change.namespace, lookedUpAt);
    }
    this.#checkMissing(unit.position);
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

  #explainByDdl(unit: SealedDdl): void {
    if (this.#missing.size === 0) return;
    for (const { event } of unit.ddl) {
      if (!ENDS_COLLECTION.has(event.operation)) continue;
      this.#missing.explainNamespace(event.namespace);
      if (event.to !== undefined) this.#missing.explainNamespace(event.to);
    }
  }

  #checkMissing(position: StreamPosition): void {
    const { logger } = this.#options;
    if (this.#missing.unchecked > this.#unchecked) {
      this.#unchecked = this.#missing.unchecked;
      logger.warnThrottled('more missing documents than can be watched', { unchecked: this.#unchecked });
    }
    const overdue = this.#missing.overdue(position.clusterTime);
    if (overdue === null) return;
    throw new WaybillError(
      'SOURCE_IMAGE_UNEXPLAINED',
      `a document of ${overdue.namespace} that was updated is not there, and no delete, drop or rename explains it`,
      {
        hint: 'Compare the collection with `waybill verify`. If it differs, start a new stream; and please report this.',
        context: { namespace: overdue.namespace, since: overdue.since },
      },
    );
  }
}

/** What the structure changes of one commit left of the collections that they created. */
function definitionsAfter(unit: SealedDdl): CollectionDefinition[] {
  const left = new Map<string, CollectionDefinition>();
  for (const { event, definition } of unit.ddl) {
    if (definition) left.set(definition.namespace, definition);
    else if (event.operation === 'drop') left.delete(event.namespace);
    else if (event.operation === 'dropDatabase') {
      for (const name of left.keys()) if (name.startsWith(`${event.namespace}.`)) left.delete(name);
    } else if (event.operation === 'rename' && event.to !== undefined) {
      const moved = left.get(event.namespace);
      left.delete(event.namespace);
      left.delete(event.to);
      if (moved) left.set(event.to, { ...moved, namespace: event.to });
    }
  }
  return [...left.values()];
}
