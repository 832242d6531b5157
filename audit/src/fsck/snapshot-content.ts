import { buildDocument } from '@waybill/shared/bson/build';
import { assertDocument } from '@waybill/shared/bson/raw';
import { documentId } from '@waybill/shared/bson/statement';
import type { SegmentEntry } from '@waybill/shared/manifest/commit';
import type { SnapshotBlock } from '@waybill/shared/segment/read/reader';
import type { EntryFault } from './check-entry.ts';

/** Adds up what a snapshot segment holds, block by block. Throws DOCUMENT_INVALID. */
export class SnapshotContent {
  readonly #entry: SegmentEntry;
  readonly #expectedLastId: string | null | undefined;
  #records = 0;
  #bytes = 0;
  /** The last document's `_id`, as the manifest has it. */
  #lastId: string | null = null;

  /** @param lastId where its chunk goes on, where its commit says that of this segment */
  constructor(entry: SegmentEntry, lastId: string | null | undefined) {
    this.#entry = entry;
    this.#expectedLastId = lastId;
  }

  get records(): number {
    return this.#records;
  }

  take({ documents }: SnapshotBlock): void {
    for (const document of documents) {
      assertDocument(document);
      this.#bytes += document.length;
    }
    this.#records += documents.length;
    const last = documents.at(-1);
    if (last) this.#lastId = buildDocument([['_id', documentId(last)]]).toString('base64');
  }

  *faults(): Generator<EntryFault> {
    if (this.#bytes !== this.#entry.documentBytes) yield bytesFault(this.#bytes, this.#entry);
    if (this.#expectedLastId !== undefined && this.#expectedLastId !== this.#lastId) {
      const detail = 'its last document is not the one after which its chunk goes on';
      yield { kind: 'chunk-progress', detail };
    }
  }
}

export function bytesFault(bytes: number, { documentBytes }: SegmentEntry): EntryFault {
  const detail = `its documents have ${bytes} bytes, and the manifest says ${documentBytes}`;
  return { kind: 'segment-content', detail };
}
