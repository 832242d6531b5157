import type { ClusterTime } from '../../base/position.ts';
import type { DocumentPlace } from '../../bson/document-places.ts';
import { encodeHeader, frameBlock } from '../avro/container.ts';
import { writeHead } from '../avro/record.ts';
import { MAX_LONG_BYTES, writeLong } from '../avro/varint.ts';
import { findId, type IdSpan } from '../document-id.ts';
import type { SegmentCodec } from '../extension.ts';
import type { RecordLayout } from './block-cutter.ts';

/** What the records of one snapshot segment have in common. */
export interface SnapshotConstants {
  readonly namespace: string;
  readonly collectionUuid: Uint8Array | null;
  /** T0. */
  readonly clusterTime: ClusterTime;
}

/**
 * In a snapshot's record everything but documentKey and document is constant. So a record is two
 * constant pieces with two byte fields between them. avsc's own encoder is rejected: it copies each
 * document several times.
 */
export class AvroSnapshotLayout implements RecordLayout<DocumentPlace> {
  readonly header: Buffer;
  readonly #sync: Uint8Array;
  readonly #head: Buffer;
  #document: DocumentPlace = { source: Buffer.alloc(0), start: 0, end: 0 };
  #id: IdSpan = { start: 0, end: 0 };

  constructor(constants: SnapshotConstants, codec: SegmentCodec, sync: Uint8Array) {
    this.header = encodeHeader(codec, sync);
    this.#sync = sync;
    this.#head = encodeSnapshotHead(constants);
  }

  measure(document: DocumentPlace): number {
    this.#document = document;
    this.#id = findId(document);
    return this.#head.length + (this.#id.end - this.#id.start) + (document.end - document.start) + TAIL_BYTES;
  }

  write(target: Buffer, offset: number): number {
    const { source, start: from, end: to } = this.#document;
    const { start, end } = this.#id;
    target.set(this.#head, offset);
    let at = offset + this.#head.length;

    const keyBytes = end - start + 5;
    at = writeLong(target, at, keyBytes);
    target[at++] = keyBytes;
    target[at++] = keyBytes >>> 8;
    target[at++] = keyBytes >>> 16;
    target[at++] = keyBytes >>> 24;
    // A loop copies byte by byte. An `_id` mostly has few bytes, and for those a call into native
    // code costs more.
    if (end - start <= SHORT_ID_BYTES) for (let each = start; each < end; ) target[at++] = source[each++]!;
    else at += source.copy(target, at, start, end);
    target[at++] = 0;

    target[at++] = 2; // document: present
    at = writeLong(target, at, to - from);
    at += source.copy(target, at, from, to);

    target[at++] = 0; // documentOrigin: snapshot
    target[at++] = 0; // update: null
    target[at++] = 0; // before: null
    return at;
  }

  frame(records: number, compressed: Buffer): Buffer {
    return frameBlock(records, compressed, this.#sync);
  }
}

const SHORT_ID_BYTES = 32;

/**
 * The bytes of a record beside its head, the `_id` element and the document: two lengths, the key's
 * frame, the ends.
 */
const TAIL_BYTES = 2 * MAX_LONG_BYTES + 5 + 4;

export function encodeSnapshotHead(constants: SnapshotConstants): Buffer {
  const namespace = Buffer.from(constants.namespace, 'utf8');
  const target = Buffer.alloc(
    16 * MAX_LONG_BYTES + namespace.length + (constants.collectionUuid?.length ?? 0),
  );
  const length = writeHead(
    target,
    0,
    {
      sequence: 0,
      operation: 'read',
      collectionUuid: constants.collectionUuid,
      clusterTime: constants.clusterTime,
      wallTime: null,
      transaction: null,
    },
    namespace,
  );
  return target.subarray(0, length);
}
