import type { DataRecord } from '../../base/record.ts';
import { encodeHeader, frameBlock } from '../avro/container.ts';
import { recordBytes, writeRecord } from '../avro/record.ts';
import type { SegmentCodec } from '../extension.ts';
import type { RecordLayout } from './block-cutter.ts';

export class AvroChangeLayout implements RecordLayout<DataRecord> {
  readonly header: Buffer;
  readonly #sync: Uint8Array;
  /** Namespaces in UTF-8. A segment has few, and each of its records names one. */
  readonly #namespaces = new Map<string, Buffer>();
  #record: DataRecord | null = null;
  #namespace: Buffer = Buffer.alloc(0);
  #namespaceText: string | null = null;

  constructor(codec: SegmentCodec, sync: Uint8Array) {
    this.header = encodeHeader(codec, sync);
    this.#sync = sync;
  }

  measure(record: DataRecord): number {
    this.#record = record;
    this.#namespace = this.#namespaceBytes(record.namespace);
    return recordBytes(record, this.#namespace);
  }

  write(target: Buffer, offset: number): number {
    return writeRecord(target, offset, this.#record!, this.#namespace);
  }

  frame(records: number, compressed: Buffer): Buffer {
    return frameBlock(records, compressed, this.#sync);
  }

  #namespaceBytes(namespace: string): Buffer {
    // Mostly this is the very string of the record before. A Map would hash it.
    if (namespace === this.#namespaceText) return this.#namespace;
    this.#namespaceText = namespace;
    let bytes = this.#namespaces.get(namespace);
    if (bytes === undefined) {
      bytes = Buffer.from(namespace, 'utf8');
      this.#namespaces.set(namespace, bytes);
    }
    return bytes;
  }
}
