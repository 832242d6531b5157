import type { DataRecord } from '../../base/record.ts';
import type { DocumentPlace } from '../../bson/document-places.ts';
import { findId } from '../document-id.ts';
import { lineBody, lineHead, recordToLine } from '../jsonl/json-line.ts';
import type { RecordLayout } from './block-cutter.ts';
import type { SnapshotConstants } from './snapshot-layout.ts';

/**
 * `measure` makes the whole line, because only then is its length known. A block is a frame of
 * whole lines.
 */
abstract class LineLayout<Item> implements RecordLayout<Item> {
  readonly header = null;
  #line: Buffer = Buffer.alloc(0);

  measure(item: Item): number {
    this.#line = Buffer.from(this.line(item), 'utf8');
    return this.#line.length;
  }

  write(target: Buffer, offset: number): number {
    target.set(this.#line, offset);
    return offset + this.#line.length;
  }

  /** Returns a copy: without compression, the bytes are those of the block's buffer. */
  frame(_records: number, compressed: Buffer): Buffer {
    return Buffer.from(compressed);
  }

  protected abstract line(item: Item): string;
}

export class ChangeLineLayout extends LineLayout<DataRecord> {
  protected override line(record: DataRecord): string {
    return recordToLine(record);
  }
}

export class SnapshotLineLayout extends LineLayout<DocumentPlace> {
  readonly #head: string;

  constructor(constants: SnapshotConstants) {
    super();
    this.#head = lineHead({
      ...constants,
      sequence: 0,
      operation: 'read',
      wallTime: null,
      transaction: null,
    });
  }

  protected override line(place: DocumentPlace): string {
    const document = place.source.subarray(place.start, place.end);
    const body = { documentKey: idDocument(place), document, update: null, before: null };
    return `${this.#head}${lineBody({ ...body, documentOrigin: 'snapshot' })}`;
  }
}

function idDocument(place: DocumentPlace): Buffer {
  const { start, end } = findId(place);
  const key = Buffer.alloc(end - start + 5);
  key.writeInt32LE(key.length, 0);
  place.source.copy(key, 4, start, end);
  return key;
}
