import type { CollectionDefinition, DdlEvent } from '@waybill/shared/manifest/commit';
import type { StreamPosition } from '@waybill/shared/manifest/position';
import type { ToldDdl } from '../catalog/synthetic-ddl.ts';
import { DDL_EVENTS, type SealedUnit } from '../commit/units.ts';
import type { Change } from '../record/change.ts';
import { hasDocument, sameTransaction } from '../record/documents.ts';

export interface SealingLimits {
  readonly commitSize: number;
  /** A larger transaction is cut, and the commit says so. */
  readonly transactionBytes: number;
  readonly commitInterval: number;
}

/**
 * Collects events in stream order and cuts them into commits.
 *
 * A cut is between two transactions, unless one transaction is larger than memory allows. Events of
 * one cluster time, session and number are one transaction. The last buffered transaction is over
 * when an event follows that is not of it, or a position that is after it. Structure changes stand
 * alone: they close the changes before them, and the next change closes them.
 *
 * Invariant: the units that come out hold every event that went in, once and in order. The position
 * of a unit is after its last event and before the first event of the next unit.
 */
export class Sealer {
  readonly #limits: SealingLimits;
  readonly #imageBytes: (namespace: string) => number;
  #changes: Change[] = [];
  /** Hashes of updated documents; exact enough to estimate bytes. */
  #updated = new Set<number>();
  #ddl: ToldDdl[] = [];
  #bytes = 0;
  #oldestAt = 0;
  #position: StreamPosition;
  /** The position before the unit that is being filled. */
  #before: StreamPosition;
  /** The next event may belong to the last buffered transaction. */
  #open = false;

  /**
   * @param imageBytes the expected size of an updated document's image. Images count before they
   *   have been read.
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

  /** A seal now cuts no transaction. */
  get isAtBoundary(): boolean {
    return !this.#open;
  }

  /** After everything that was added; if nothing is buffered, before what comes next. */
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

  /**
   * @param at null: we have made the event up, and the position stays before the event that it
   *   belongs to
   */
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
   * An event that is not captured: the position moves on, and a transaction before it may be over.
   */
  skip(time: bigint, token: Uint8Array): void {
    this.#advance(time, token, 'event');
  }

  /**
   * The whole batch has been added, and `token` is after it. The last transaction is over if the
   * time is after the last event's, or if the stream had nothing more.
   */
  batchEnded(token: Uint8Array, time: bigint | null, reachedEnd: boolean): void {
    if (reachedEnd || (time !== null && time > this.#position.clusterTime)) this.#open = false;
    this.#advance(time ?? this.#position.clusterTime, token, 'batch');
  }

  /**
   * When age or size requires a seal, on the clock of `now`. Null while nothing is buffered, or a
   * transaction is open.
   */
  dueAt(): number | null {
    if (this.isEmpty || this.#open) return null;
    return this.#bytes >= this.#limits.commitSize ? 0 : this.#oldestAt + this.#limits.commitInterval;
  }

  /** Everything buffered. Within a transaction the unit says so. */
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

/** The token is part of a reply, and would keep all of it in memory while the commit waits. */
function inOwnBytes(position: StreamPosition): StreamPosition {
  const { resumeToken } = position;
  return resumeToken === null ? position : { ...position, resumeToken: Buffer.from(resumeToken) };
}
