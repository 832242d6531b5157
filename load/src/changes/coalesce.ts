/**
 * The last state of every document in a run of one lane's changes.
 *
 * The key is the exact bytes of the `_id`. Where there is a document, its own `_id` counts: an
 * image that was looked up late may carry an equal `_id` of other bytes (1 and 1.0; `a` and `A`
 * under a collation).
 *
 * The deletes of a run are acknowledged before its upserts are sent. That is exact without knowing
 * which ids the server holds for equal. Equal ids cannot exist side by side, so at most one of them
 * ends alive. The others end as deletes, which remove whichever of them stands there; then the one
 * alive is written, in its own bytes. An image from the future can make two of them look alive; the
 * delete between them is still to come.
 */

import { WaybillError } from '@waybill/shared/base/errors';
import type { DataRecord } from '@waybill/shared/base/record';
import { asBuffer, type RawElement } from '@waybill/shared/bson/raw';
import { documentId } from '@waybill/shared/bson/statement';
import type { Write } from '../apply/batch.ts';
import { NONE_EARLIER, RecordChains } from './record-chains.ts';

export interface CoalescedRun {
  readonly namespace: string;
  /**
   * The first change that has one gives it: between two barriers one collection has the name. A
   * document that was read behind a barrier belongs to whatever stands there.
   */
  readonly collectionUuid: Uint8Array | null;
  readonly deletes: readonly Write[];
  /**
   * In the order of their first write since the document last began to exist. A capped collection
   * keeps that order.
   */
  readonly upserts: readonly Write[];
}

export class Coalescer {
  readonly #namespaces = new Map<string, Run>();
  readonly #chains = new RecordChains();
  /** Records seen. */
  records = 0;
  /** Records that need no write: a later one replaces them, or they ask for nothing. */
  coalesced = 0;
  /**
   * Bytes of the documents added. Superseded ones count too: they share their memory with the
   * others.
   */
  bytes = 0;

  /** @throws FORMAT_UNSUPPORTED for a change whose document was never captured */
  add(record: DataRecord): void {
    this.records++;
    this.bytes += (record.document?.length ?? 0) + RECORD_BYTES;
    const { sequence, operation, namespace, document, documentKey } = record;
    if (document === null && operation !== 'delete') {
      this.#addBare(record);
      return;
    }
    let run = this.#namespaces.get(namespace);
    if (!run) {
      run = { collectionUuid: null, writes: new Map() };
      this.#namespaces.set(namespace, run);
    }
    if (operation !== 'read') run.collectionUuid ??= record.collectionUuid;
    const { writes } = run;
    // A delete may have a document too: the one that stands under another shard key.
    const id = documentId(document ?? documentKey);
    const key = keyOf(id);
    const before = writes.get(key);
    if (before === undefined) {
      const isNew = document !== null && operation === 'insert';
      writes.set(key, { id, document, record: this.#chains.add(sequence, NONE_EARLIER), isNew });
      return;
    }
    this.coalesced++;
    // A Map keeps the place of a key that is set again; a document that was deleted comes anew.
    if (before.document === null) writes.delete(key);
    // The first change tells what stood there before the run.
    const { isNew } = before;
    writes.set(key, { id, document, record: this.#chains.add(sequence, before.record), isNew });
  }

  *runs(): Generator<CoalescedRun, void, undefined> {
    for (const [namespace, { collectionUuid, writes }] of this.#namespaces) {
      const deletes: Write[] = [];
      const upserts: Write[] = [];
      for (const write of writes.values()) (write.document === null ? deletes : upserts).push(write);
      yield { namespace, collectionUuid, deletes, upserts };
    }
  }

  /** Of the records that a write stands for, oldest first. */
  sequencesOf({ record, id }: Write, namespace: string): number[] {
    return this.#chains.sequencesOf(record, namespace, id.bytes);
  }

  /** A record without a document of its own: a later one of the same document carries its state. */
  #addBare({ sequence, namespace, documentKey, documentOrigin }: DataRecord): void {
    if (documentOrigin !== 'superseded' && documentOrigin !== 'missing') {
      throw new WaybillError(
        'FORMAT_UNSUPPORTED',
        `change ${sequence} of ${namespace} has no document: the stream was captured without images`,
        {
          hint: 'A load needs whole documents: capture with --images=lookup or --images=post into a new stream.',
        },
      );
    }
    this.coalesced++;
    this.#chains.addBare(sequence, namespace, documentKey);
  }
}

interface Run {
  collectionUuid: Uint8Array | null;
  readonly writes: Map<string, Write>;
}

/** What a record takes in memory beside its document, about. */
const RECORD_BYTES = 512;

function keyOf(id: RawElement): string {
  return String.fromCharCode(id.type) + asBuffer(id.bytes).toString('latin1');
}
