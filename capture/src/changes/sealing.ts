import type { CollectionDefinition, DdlEvent } from '@waybill/shared/manifest/commit';
import type { StreamPosition } from '@waybill/shared/manifest/position';
import type { ToldDdl } from '../catalog/synthetic-ddl.ts';
import { DDL_EVENTS, type SealedUnit } from '../commit/units.ts';
import type { Change } from '../record/change.ts';
import { hasDocument, sameTransaction } from '../record/documents.ts';

export interface SealingLimits {
  readonly commitSize: number;
  /** A transaction that is larger is cut, and the commit says so. */
  readonly transactionBytes: number;
  readonly commitInterval: number;
}

/**
 * Collects events in stream order and cuts them into commits.
 *
 * A cut lies between two transactions (events of one cluster time, session and number stay
 * together), unless the transaction alone is larger than memory allows. That the last buffered
 * transaction is over is known from what follows: an event that is not of it, or a position that
 * lies after it. Structure changes stand alone: they close the changes before them, and are closed
 * by the next change.
 *
 * Invariant: the units that come out hold every event that went in, once, in order, and a unit's
 * position lies after its last event and before the next unit's first one.
 */
export class Sealer {
  readonly #limits: SealingLimits;
  readonly #imageBytes: (namespace: string) => number;
  #changes: Change[] = [];
  /** Hashes of updated documents: enough for an expectation. */
  #updated = new Set<number>();
  #ddl: ToldDdl[] = [];
  #bytes = 0;
  #oldestAt = 0;
  #position: StreamPosition;
  /** Where the unit that is being filled began. */
  #before: StreamPosition;
  /** The last buffered transaction may go on in the next event. */
  #open = false;

  /**
   * @param imageBytes the expected size of an updated document's image; images count before they
   *   are here.
   */
  constructor(
    limits: SealingLimits,
    start: StreamPosition,
    imageBytes: (namespace: string) => number = () => 0,
  ) {
    this.#limits = limits;
    this.#position = start;
    this.#before = start;
    this.#imageBytes = imageBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#changes.length === 0 && this.#ddl.length === 0;
  }

  /** Nothing buffered may go on in what follows: a seal now cuts no transaction. */
  get isAtBoundary(): boolean {
    return !this.#open;
  }

  /** After everything that was added, or before it where nothing is buffered. */
  get position(): StreamPosition {
    return this.#position;
  }

  addChange(change: Change, token: Uint8Array, now: number): SealedUnit[] {
    const sealed: SealedUnit[] = [];
    this.#seal(sealed, 'ddl');
    const last = this.#changes.at(-1);
    if (last && this.#bytes >= this.#limits.commitSize && !sameTransaction(last, change)) {
      this.#open = false;
      this.#seal(sealed, 'changes');
    }
    if (this.#changes.length === 0) {
      this.#oldestAt = now;
      this.#before = this.#position;
    }
    this.#changes.push(change);
    this.#bytes += change.bytes + this.#expectedImage(change);
    this.#open = change.transaction !== null;
    this.#advance(change.clusterTime, token, 'change');
    const most = this.#open ? this.#limits.transactionBytes : this.#limits.commitSize;
    if (this.#bytes >= most) this.#seal(sealed, 'changes');
    return sealed;
  }

  /** `at` null: the event is made up by us, and the position stays before the one that made us. */
  addDdl(
    event: DdlEvent,
    definition: CollectionDefinition | null,
    at: { readonly time: bigint; readonly token: Uint8Array } | null,
    now: number,
  ): SealedUnit[] {
    const sealed: SealedUnit[] = [];
    this.#seal(sealed, 'changes');
    this.#open = false;
    if (this.#ddl.length === 0) this.#oldestAt = now;
    this.#ddl.push({ event, definition });
    if (at) this.#advance(at.time, at.token, 'event');
    if (this.#ddl.length >= DDL_EVENTS) this.#seal(sealed, 'ddl');
    return sealed;
  }

  /**
   * An event that is not captured: the position goes on, and a transaction before it may be over.
   */
  skip(time: bigint, token: Uint8Array): void {
    this.#advance(time, token, 'event');
  }

  /**
   * The whole batch is in: `token` lies after it. A time after the last event's tells that the last
   * transaction is over; so does an answer that the stream has nothing more.
   */
  batchEnded(token: Uint8Array, time: bigint | null, reachedEnd: boolean): void {
    if (reachedEnd || (time !== null && time > this.#position.clusterTime)) this.#open = false;
    this.#advance(time ?? this.#position.clusterTime, token, 'batch');
  }

  /**
   * When the buffer must be sealed for its age or size, on the clock of `now`; null while there is
   * nothing or no boundary.
   */
  dueAt(): number | null {
    if (this.isEmpty || this.#open) return null;
    return this.#bytes >= this.#limits.commitSize ? 0 : this.#oldestAt + this.#limits.commitInterval;
  }

  /** Everything buffered. In the middle of a transaction it says so. */
  sealAll(): SealedUnit[] {
    const sealed: SealedUnit[] = [];
    this.#seal(sealed, 'changes');
    this.#seal(sealed, 'ddl');
    return sealed;
  }

  #expectedImage(change: Change): number {
    if (change.operation !== 'update' || hasDocument(change)) return 0;
    const expected = this.#imageBytes(change.namespace);
    if (expected === 0 || this.#updated.has(change.hash)) return 0;
    this.#updated.add(change.hash);
    return expected;
  }

  #advance(time: bigint, token: Uint8Array, past: 'change' | 'event' | 'batch'): void {
    const { clusterTime, taken, lastEvent } = this.#position;
    // Time never goes back, whatever a server says.
    const later = time > clusterTime;
    this.#position = {
      clusterTime: later ? time : clusterTime,
      resumeToken: token,
      taken: (later ? 0 : taken) + (past === 'change' ? 1 : 0),
      lastEvent: past === 'batch' ? lastEvent : time,
    };
  }

  #seal(into: SealedUnit[], kind: SealedUnit['kind']): void {
    if (kind === 'ddl') {
      if (this.#ddl.length === 0) return;
      into.push({ kind, ddl: this.#ddl, position: inOwnBytes(this.#position) });
      this.#ddl = [];
      return;
    }
    if (this.#changes.length === 0) return;
    into.push({
      kind,
      changes: this.#changes,
      before: inOwnBytes(this.#before),
      position: inOwnBytes(this.#position),
      partialTransaction: this.#open,
      bytes: this.#bytes,
    });
    this.#changes = [];
    this.#updated = new Set<number>();
    this.#bytes = 0;
  }
}

/** A token that lies in a reply would keep all of it alive as long as the commit waits. */
function inOwnBytes(position: StreamPosition): StreamPosition {
  const { resumeToken } = position;
  return resumeToken === null ? position : { ...position, resumeToken: Buffer.from(resumeToken) };
}
