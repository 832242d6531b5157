/**
 * The last state of every document in a run of one lane's changes.
 *
 * Keyed on the exact bytes of the `_id`: of the one inside the document where there is a document,
 * since an image that was looked up late may carry an equal `_id` of other bytes (1 and 1.0; `a`
 * and `A` under a collation).
 *
 * The deletes of a run go first, and are acknowledged, before its upserts. That is exact without
 * knowing what the server holds for equal: of a class of equal ids at most one ends alive, because
 * they can not exist side by side; the others end as deletes, which take away whatever of the class
 * stands there; then the one alive is written, in its own bytes. Where an image from the future
 * makes two of a class look alive, the delete between them is still to come.
 */

import { WaybillError } from '@waybill/shared/base/errors';
import type { DataRecord } from '@waybill/shared/base/record';
import { asBuffer, type RawElement } from '@waybill/shared/bson/raw';
import { documentId } from '@waybill/shared/bson/statement';
import type { Write } from '../apply/writer.ts';

export interface CoalescedRun {
  readonly namespace: string;
  /**
   * Of its first change that has one: between two barriers one collection has the name. What was
   * read behind a barrier belongs to whatever stands there.
   */
  readonly collectionUuid: Uint8Array | null;
  readonly deletes: readonly Write[];
  /**
   * In the order of their first write since the document last began to exist: what a capped
   * collection keeps.
   */
  readonly upserts: readonly Write[];
}

export class Coalescer {
  readonly #namespaces = new Map<string, Run>();
  /** Records seen, and those among them that a later one, or nothing to do, made unnecessary. */
  records = 0;
  coalesced = 0;
  /**
   * Of the documents added, those that were superseded included: they share their memory with the
   * others.
   */
  bytes = 0;

  /** @throws FORMAT_UNSUPPORTED for a change whose document was never captured */
  add(record: DataRecord): void {
    this.records++;
    this.bytes += (record.document?.length ?? 0) + RECORD_BYTES;
    const write = writeOf(record);
    if (write === null) {
      this.coalesced++;
      return;
    }
    let run = this.#namespaces.get(record.namespace);
    if (!run) {
      run = { collectionUuid: null, writes: new Map() };
      this.#namespaces.set(record.namespace, run);
    }
    if (record.operation !== 'read') run.collectionUuid ??= record.collectionUuid;
    const { writes } = run;
    const key = keyOf(write.id);
    const before = writes.get(key);
    if (before === undefined) {
      writes.set(key, write);
      return;
    }
    this.coalesced++;
    // A Map keeps the place of a key that is set again; what was deleted in between comes anew.
    if (before.document === null) writes.delete(key);
    // What was there before the run is told by the first of its changes.
    writes.set(key, { ...write, isNew: before.isNew });
  }

  *runs(): Generator<CoalescedRun, void, undefined> {
    for (const [namespace, { collectionUuid, writes }] of this.#namespaces) {
      const deletes: Write[] = [];
      const upserts: Write[] = [];
      for (const write of writes.values()) (write.document === null ? deletes : upserts).push(write);
      yield { namespace, collectionUuid, deletes, upserts };
    }
  }
}

interface Run {
  collectionUuid: Uint8Array | null;
  readonly writes: Map<string, Write>;
}

/** What a record takes in memory beside its document, about. */
const RECORD_BYTES = 512;

/** Null where the record asks for nothing: a later one of the same document carries its state. */
function writeOf(record: DataRecord): Write | null {
  const place = { sequence: record.sequence };
  const { operation, document, documentKey } = record;
  // A delete's, too: it is what stands under another shard key.
  if (document !== null) return { id: documentId(document), document, place, isNew: operation === 'insert' };
  if (operation === 'delete') return { id: documentId(documentKey), document: null, place, isNew: false };
  if (record.documentOrigin === 'superseded' || record.documentOrigin === 'missing') return null;
  throw new WaybillError(
    'FORMAT_UNSUPPORTED',
    `change ${record.sequence} of ${record.namespace} has no document: the stream was captured without images`,
    {
      hint: 'A load needs whole documents: capture with --images=lookup or --images=post into a new stream.',
    },
  );
}

function keyOf(id: RawElement): string {
  return String.fromCharCode(id.type) + asBuffer(id.bytes).toString('latin1');
}
