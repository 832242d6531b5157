/** One batch of a cursor, as places in the bytes of the reply. */

import { WaybillError } from '../../base/errors.ts';
import type { ClusterTime } from '../../base/position.ts';
import { DocumentPlaces } from '../../bson/document-places.ts';
import { asBuffer, findElement } from '../../bson/raw.ts';
import { type CommandReply, replyOperationTime } from './reply.ts';

export interface CursorBatch {
  /**
   * Slices of the reply's bytes, made when first asked for. The longest-held slice keeps all the
   * bytes in memory.
   */
  readonly documents: Buffer[];
  /** The same documents without the slices. */
  readonly places: DocumentPlaces;
  /** The documents as the raw BSON array they came in; see eachDocument. */
  readonly array: Buffer;
  readonly count: number;
  /** Bytes of the documents. */
  readonly bytes: number;
  /** Raw BSON document; null if the server sends none (only change streams have one). */
  readonly postBatchResumeToken: Buffer | null;
  readonly operationTime: ClusterTime | null;
  /** The server has closed the cursor: no batch follows. */
  readonly done: boolean;
}

interface ParsedReply {
  readonly id: bigint;
  readonly collection: string;
  readonly batch: CursorBatch;
}

export function parseReply(reply: CommandReply, batchName: 'firstBatch' | 'nextBatch'): ParsedReply {
  const cursor = reply.cursor;
  const id = Buffer.isBuffer(cursor) ? findElement(cursor, 'id') : undefined;
  const array = Buffer.isBuffer(cursor) ? findElement(cursor, batchName) : undefined;
  if (!Buffer.isBuffer(cursor) || !id || !array) {
    throw new WaybillError('MONGO_COMMAND_FAILED', `the server's reply has no cursor with a ${batchName}`);
  }
  const token = findElement(cursor, 'postBatchResumeToken');
  const cursorId = asBuffer(id.bytes).readBigInt64LE(0);
  return {
    id: cursorId,
    collection: collectionOf(cursor),
    batch: new ReplyBatch(
      asBuffer(array.bytes),
      token ? asBuffer(token.bytes) : null,
      replyOperationTime(reply),
      cursorId === 0n,
    ),
  };
}

class ReplyBatch implements CursorBatch {
  readonly array: Buffer;
  readonly places: DocumentPlaces;
  readonly postBatchResumeToken: Buffer | null;
  readonly operationTime: ClusterTime | null;
  readonly done: boolean;
  #documents: Buffer[] | null = null;

  constructor(array: Buffer, token: Buffer | null, operationTime: ClusterTime | null, done: boolean) {
    this.array = array;
    this.places = DocumentPlaces.ofArray(array);
    this.postBatchResumeToken = token;
    this.operationTime = operationTime;
    this.done = done;
  }

  get count(): number {
    return this.places.count;
  }

  get bytes(): number {
    return this.places.bytes;
  }

  get documents(): Buffer[] {
    this.#documents ??= this.places.toArray();
    return this.#documents;
  }
}

/**
 * The collection in the reply's `ns`. After database-wide aggregates and listCollections, getMore
 * has to name this one.
 */
function collectionOf(cursor: Buffer): string {
  const ns = findElement(cursor, 'ns');
  if (!ns) return '';
  const text = asBuffer(ns.bytes).toString('utf8', 4, ns.bytes.length - 1);
  return text.slice(text.indexOf('.') + 1);
}
