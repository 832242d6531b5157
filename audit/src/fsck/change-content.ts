import { formatClusterTime } from '@waybill/shared/base/position';
import { type DataRecord, documentBytes, type Operation } from '@waybill/shared/base/record';
import { laneOf } from '@waybill/shared/bson/canonical-key';
import { assertDocument } from '@waybill/shared/bson/raw';
import { documentId } from '@waybill/shared/bson/statement';
import type { SegmentEntry } from '@waybill/shared/manifest/commit';
import type { StreamState } from '@waybill/shared/manifest/state';
import type { ChangeBlock } from '@waybill/shared/segment/read/reader';
import type { EntryFault } from './check-entry.ts';
import { bytesFault } from './snapshot-content.ts';

export interface ChangeContext {
  /** Of the stream; null where its stream.json cannot be read, and then lanes cannot be told. */
  readonly lanes: number | null;
  /** As of the segment's commit. */
  readonly collections: StreamState['currentCollections'];
}

/** No segment has as many; a manifest that claims more gets no memory for it. */
const MOST_RECORDS = 2 ** 27;

/** Adds up what a change segment holds, block by block. Throws DOCUMENT_INVALID. */
export class ChangeContent {
  readonly #entry: SegmentEntry;
  readonly #context: ChangeContext;
  /** One bit for each sequence of the segment. */
  readonly #seen: Uint8Array;
  readonly #operations = new Map<Operation, number>();
  /** First and last sequence of each lane. */
  readonly #lanes = new Map<number, { readonly first: number; last: number }>();
  #records = 0;
  #bytes = 0;
  #twice = 0;
  #misplaced = 0;
  #firstTime: string | null = null;
  #lastTime: string | null = null;

  constructor(entry: SegmentEntry, context: ChangeContext) {
    this.#entry = entry;
    this.#context = context;
    this.#seen = new Uint8Array((Math.min(entry.records, MOST_RECORDS) + 7) >> 3);
  }

  get records(): number {
    return this.#records;
  }

  take({ lane, records }: ChangeBlock): void {
    for (const record of records) {
      const { sequence, operation } = record;
      for (const bytes of [record.documentKey, record.document, record.update, record.before]) {
        if (bytes !== null) assertDocument(bytes);
      }
      this.#bytes += documentBytes(record);
      this.#operations.set(operation, (this.#operations.get(operation) ?? 0) + 1);
      if (!this.#belongs(record, lane)) this.#misplaced++;
      const run = this.#lanes.get(lane);
      if (run) run.last = sequence;
      else this.#lanes.set(lane, { first: sequence, last: sequence });
      this.#markSeen(record);
    }
    this.#records += records.length;
  }

  #markSeen({ sequence, clusterTime }: DataRecord): void {
    const { firstSequence = 1, lastSequence } = this.#entry;
    const index = sequence - firstSequence;
    const mask = 1 << (index & 7);
    const byte = this.#seen[index >> 3] ?? 0;
    if ((byte & mask) !== 0) this.#twice++;
    this.#seen[index >> 3] = byte | mask;
    if (index === 0) this.#firstTime = formatClusterTime(clusterTime);
    if (sequence === lastSequence) this.#lastTime = formatClusterTime(clusterTime);
  }

  /**
   * A collection that goes whole to one lane is known by its definition. What is read again behind
   * a rename comes before its definition, and an unknown collection has none: there either lane is
   * right.
   */
  #belongs({ namespace, documentKey, operation }: DataRecord, lane: number): boolean {
    const { lanes, collections } = this.#context;
    if (lanes === null) return true;
    const isWhole = operation === 'read' ? undefined : collections.get(namespace)?.singleLane;
    if (isWhole !== true && laneOf(namespace, documentId(documentKey), lanes) === lane) return true;
    return isWhole !== false && laneOf(namespace, null, lanes) === lane;
  }

  *faults(): Generator<EntryFault> {
    const { documentBytes: bytes, operations, lanes = [] } = this.#entry;
    if (this.#misplaced > 0) {
      const detail = `${this.#misplaced} records are not in the lane where their documents belong`;
      yield { kind: 'lane-wrong', detail };
    }
    if (this.#twice > 0) {
      yield {
        kind: 'segment-content',
        detail: `${this.#twice} sequences are there twice, so others are not`,
      };
    }
    for (const { lane, firstSequence, lastSequence } of lanes) {
      const held = this.#lanes.get(lane);
      if (held?.first === firstSequence && held.last === lastSequence) continue;
      const detail = `lane ${lane} holds other sequences than ${firstSequence} to ${lastSequence}`;
      yield { kind: 'lane-run', detail };
    }
    if (this.#bytes !== bytes) yield bytesFault(this.#bytes, this.#entry);
    const counts = Object.entries(operations ?? {});
    if (
      operations &&
      counts.some(([name, count]) => (this.#operations.get(name as Operation) ?? 0) !== count)
    ) {
      yield { kind: 'segment-content', detail: 'its counts by operation are not what the manifest says' };
    }
    yield* this.#timeFaults();
  }

  *#timeFaults(): Generator<EntryFault> {
    const { firstClusterTime, lastClusterTime } = this.#entry;
    if (this.#firstTime === firstClusterTime && this.#lastTime === lastClusterTime) return;
    yield { kind: 'segment-content', detail: 'its cluster times are not what the manifest says' };
  }
}
