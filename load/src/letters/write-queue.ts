/**
 * Lines on their way into the load's log. What is queued while a file is being written goes into
 * the next one, so slow stores get fewer and larger files.
 */
import { WaybillError } from '@waybill/shared/base/errors';
import { DEFAULT_RETRY, type RetryOptions, retry } from '@waybill/shared/base/retry';
import { buildDocument } from '@waybill/shared/bson/build';
import { documentId } from '@waybill/shared/bson/statement';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import type { DeadLetterFile } from '@waybill/shared/manifest/dead-letter-file';
import { deadLettersKey, newDeadLettersKey, segmentKey } from '@waybill/shared/manifest/keys';
import { readChangeSegment } from '@waybill/shared/segment/read/reader';
import type { ChangePlace, RecordPlace } from '../apply/refusal.ts';
import { type CountedLine, encodeLetterFile, type LetterRecord, letterRecord } from './letter-file.ts';

export interface WriteQueueDeps {
  readonly bucket: Bucket;
  readonly streamPrefix: string;
  readonly loadPrefix: string;
  readonly epoch: number;
  /** Commits a file in the load's log. */
  readonly record: (file: DeadLetterFile) => Promise<void>;
  readonly onReadAgain: RetryOptions['onRetry'];
  readonly signal: AbortSignal;
}

/** A letter with the place of its record, and the document that was refused. */
interface QueuedLetter {
  readonly letter: CountedLine;
  readonly record: RecordPlace;
  readonly document: Uint8Array | null;
}

/** With more bytes of documents or more lines, whoever adds waits. */
const MOST_BYTES = 8 << 20;
const MOST_LINES = 10_000;

export class WriteQueue {
  readonly #deps: WriteQueueDeps;
  #queued: (CountedLine | QueuedLetter)[] = [];
  #bytes = 0;
  /** Lines ever added, and how many of them are in the log. */
  #added = 0;
  #written = 0;
  /** Letters in the log. */
  #letters: number;
  #writing: Promise<void> | null = null;
  #failure: { readonly error: unknown } | undefined;

  constructor(deps: WriteQueueDeps, letters: number) {
    this.#deps = deps;
    this.#letters = letters;
  }

  get isFull(): boolean {
    return this.#bytes > MOST_BYTES || this.#queued.length > MOST_LINES;
  }

  /** The document is copied: it may be a slice of a large block. */
  add(item: CountedLine | QueuedLetter): void {
    if ('letter' in item) {
      this.#bytes += item.document?.length ?? 0;
      // A change is read again from its segment.
      const document = 'sequence' in item.record ? null : item.document && Buffer.from(item.document);
      this.#queued.push({ ...item, document });
    } else this.#queued.push(item);
    this.#added++;
  }

  async flush(): Promise<void> {
    const until = this.#added;
    while (this.#written < until) {
      if (this.#failure) throw this.#failure.error;
      this.#writing ??= this.#write()
        .catch((error: unknown) => {
          // What it had taken is lost: nothing may pass it any more.
          this.#failure = { error };
        })
        .finally(() => {
          this.#writing = null;
        });
      await this.#writing;
    }
  }

  async settle(): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    const { bucket, loadPrefix, epoch, record, signal } = this.#deps;
    const items = this.#queued;
    this.#queued = [];
    this.#bytes = 0;
    const letters = items.filter((item) => 'letter' in item);
    const lines = items.map((item) => ('letter' in item ? item.letter : item));
    const records = await this.#records(letters);
    const first = this.#letters + 1;
    const { bytes, entry } = encodeLetterFile(newDeadLettersKey(first, epoch), first, lines, records);
    const key = deadLettersKey(loadPrefix, entry.key);
    await retry((_, budget) => bucket.put(key, bytes, { signal, budget }), DEFAULT_RETRY, { signal });
    await record(entry);
    this.#letters += letters.length;
    this.#written += items.length;
  }

  /** Of the letters, in their order. */
  async #records(letters: readonly QueuedLetter[]): Promise<LetterRecord[]> {
    const found = await this.#changes(
      letters.map(({ record }) => record).filter((place) => 'sequence' in place),
    );
    return letters.map(({ record, document }) => {
      const whole =
        'sequence' in record ? found.get(record.sequence) : document && snapshotRecord(record, document);
      if (whole) return whole;
      throw new WaybillError(
        'INTERNAL',
        'the record of a refused write is not in the segment that it came from',
        {
          context: { segment: record.segment },
        },
      );
    });
  }

  /** Reads each segment once, and of it only the lanes that it needs. By sequence. */
  async #changes(places: readonly ChangePlace[]): Promise<ReadonlyMap<number, LetterRecord>> {
    const { bucket, streamPrefix, onReadAgain: onRetry, signal } = this.#deps;
    const found = new Map<number, LetterRecord>();
    for (const [entry, inSegment] of Map.groupBy(places, ({ entry }) => entry)) {
      if (!entry) continue;
      const wanted = new Set(inSegment.map(({ sequence }) => sequence));
      const lanes = [...new Set(inSegment.map(({ lane }) => lane))];
      const key = segmentKey(streamPrefix, entry.key);
      for await (const { records } of readChangeSegment(bucket, key, entry, { lanes, signal, onRetry })) {
        for (const each of records)
          if (wanted.has(each.sequence)) found.set(each.sequence, letterRecord(each));
      }
    }
    return found;
  }
}

function snapshotRecord({ entry }: RecordPlace, document: Uint8Array): LetterRecord {
  const uuid = entry?.collectionUuid;
  return letterRecord({
    sequence: 0,
    operation: 'read',
    namespace: entry?.namespace ?? '',
    collectionUuid: uuid ? Buffer.from(uuid, 'hex') : null,
    clusterTime: 0n,
    wallTime: null,
    transaction: null,
    documentKey: buildDocument([['_id', documentId(document)]]),
    document,
    documentOrigin: 'snapshot',
    update: null,
    before: null,
  });
}
