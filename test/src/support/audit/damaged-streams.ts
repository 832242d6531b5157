/** For tests: a small stream in a folder, made by the real writers, and ways to spoil it. */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clusterTime } from '@waybill/shared/base/position';
import type { DataRecord } from '@waybill/shared/base/record';
import { buildDocument, int32 } from '@waybill/shared/bson/build';
import { laneOf } from '@waybill/shared/bson/canonical-key';
import { documentId } from '@waybill/shared/bson/statement';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import { writeCheckpoint } from '@waybill/shared/manifest/checkpoint';
import type { Commit, CommitBody, SegmentEntry } from '@waybill/shared/manifest/commit';
import type { DeadLetterFile } from '@waybill/shared/manifest/dead-letter-file';
import { NO_LETTERS } from '@waybill/shared/manifest/dead-letters';
import { createStream } from '@waybill/shared/manifest/identity';
import {
  commitKey,
  deadLettersKey,
  deadLettersPrefix,
  loadPrefix,
  newChangeSegmentKey,
  newDeadLettersKey,
  newSnapshotSegmentKey,
  segmentKey,
} from '@waybill/shared/manifest/keys';
import { sealJson, sha256 } from '@waybill/shared/manifest/sealed-json';
import { ManifestWriter } from '@waybill/shared/manifest/writer';
import { segmentExtension } from '@waybill/shared/segment/extension';
import { encodeChangeSegment } from '@waybill/shared/segment/write/change-writer';
import { SnapshotSegmentWriter } from '@waybill/shared/segment/write/snapshot-writer';
import { placesOf } from '../bson/testing.ts';
import { sampleCollection, sampleIdentity, sampleMilestone, samplePosition } from '../manifest/samples.ts';
import { sampleDocument } from '../segment/testing.ts';

export const STREAM = 'default';
const LANES = 4;
const SECONDS = 1_790_000_000;

export type SampleFormat = 'avro' | 'jsonl';

export interface ChangesOptions {
  readonly from?: number;
  readonly misplace?: boolean;
  readonly spoil?: (record: DataRecord) => DataRecord;
}

/** Writes what a capture would write, but less of it. */
export class SampleStream implements AsyncDisposable {
  readonly folder: string;
  readonly bucket: Bucket;
  #writer: ManifestWriter;
  readonly #format: SampleFormat;
  #sequence = 0;

  private constructor(folder: string, bucket: Bucket, writer: ManifestWriter, format: SampleFormat) {
    this.folder = folder;
    this.bucket = bucket;
    this.#writer = writer;
    this.#format = format;
  }

  static async create(format: SampleFormat = 'avro'): Promise<SampleStream> {
    const folder = await mkdtemp(join(tmpdir(), 'waybill-fsck-'));
    const bucket = await openBucket(folder);
    await createStream(bucket, STREAM, { ...sampleIdentity, lanes: LANES, format });
    const writer = await ManifestWriter.acquire({ bucket, prefix: STREAM, writer: 'capture-1' });
    return new SampleStream(folder, bucket, writer, format);
  }

  /**
   * Two chunks of one collection in three segments, three commits of changes, a checkpoint, a load.
   * Ten commits.
   */
  static async whole(format?: SampleFormat): Promise<SampleStream> {
    const stream = await SampleStream.create(format);
    await stream.commit({ position: samplePosition(100), milestones: [sampleMilestone('capture-started')] });
    await stream.commit({ collections: [sampleCollection('shop.orders'), capped('shop.log')] });
    const plan = [0, 1].map((chunk) => ({ namespace: 'shop.orders', chunk, lower: null, upper: null }));
    await stream.commit({ plan });
    await stream.snapshot(0, 0, 0, 50, false);
    await stream.snapshot(0, 1, 50, 70, true);
    await stream.snapshot(1, 0, 70, 90, true);
    for (let round = 0; round < 3; round++) await stream.changes(40);
    await writeCheckpoint(stream.bucket, STREAM, stream.writer.state);
    const load = await ManifestWriter.acquire({
      bucket: stream.bucket,
      prefix: loadPrefix(STREAM, 'staging'),
      writer: 'load-1',
    });
    await load.commit({ milestones: [{ ...sampleMilestone('caught-up'), sequence: 120 }] });
    await load.commit({ deadLetters: await stream.uploadLetters(load.epoch) });
    return stream;
  }

  /** A file that opens one letter of the load `staging`. */
  async uploadLetters(epoch: number): Promise<DeadLetterFile> {
    const [index, body] = [Buffer.from('{"letter":{}}\n'), Buffer.from('{"letter":1,"record":{}}\n')];
    const bytes = Buffer.concat([index, body]);
    const key = newDeadLettersKey(1, epoch);
    await this.bucket.put(deadLettersKey(loadPrefix(STREAM, 'staging'), key), bytes);
    return {
      key,
      bytes: bytes.length,
      sha256: sha256(bytes),
      indexBytes: index.length,
      indexSha256: sha256(index),
      firstLetter: 1,
      letters: 1,
      rules: { 'server-121': { ...NO_LETTERS, opened: 1 } },
    };
  }

  /** The owner's epoch; each restart takes the next one. */
  get writer(): ManifestWriter {
    return this.#writer;
  }

  /** A new owner takes the stream over, and goes on where the log ends. */
  async restart(): Promise<void> {
    const writer = `capture-${this.#writer.epoch + 1}`;
    this.#writer = await ManifestWriter.acquire({ bucket: this.bucket, prefix: STREAM, writer });
    this.#sequence = this.#writer.state.lastSequence;
  }

  commit(body: CommitBody): Promise<Commit> {
    return this.writer.commit(body);
  }

  /**
   * Uploads the documents with those ids as one segment, and commits it with the chunk's progress.
   */
  async snapshot(chunk: number, part: number, from: number, to: number, done: boolean): Promise<void> {
    const { entry, lastId } = await this.uploadSnapshot(chunk, part, from, to);
    const before = this.writer.state.chunks.get('shop.orders')?.get(chunk)?.progress?.records ?? 0;
    const records = before + entry.records;
    await this.commit({
      segments: [entry],
      chunks: [{ namespace: 'shop.orders', chunk, lastId, done, records }],
    });
  }

  async uploadSnapshot(
    chunk: number,
    part: number,
    from: number,
    to: number,
  ): Promise<{ readonly entry: SegmentEntry; readonly lastId: string }> {
    const [namespace, format, codec] = ['shop.orders', this.#format, 'zstandard'] as const;
    const time = clusterTime(SECONDS, 1);
    const writer = new SnapshotSegmentWriter({
      namespace,
      format,
      codec,
      collectionUuid: null,
      clusterTime: time,
    });
    const extension = segmentExtension(format, codec);
    const key = newSnapshotSegmentKey({ namespace, chunk, part, epoch: this.writer.epoch, extension });
    const put = this.bucket.put(segmentKey(STREAM, key), writer.body);
    await writer.append(placesOf(Array.from({ length: to - from }, (_, i) => sampleDocument(from + i))));
    const { lastId, ...summary } = await writer.finish();
    await put;
    return {
      entry: {
        kind: 'snapshot',
        key,
        format,
        codec,
        ...summary,
        namespace,
        collectionUuid: null,
        chunk,
        part,
      },
      lastId: buildDocument([['_id', lastId!]]).toString('base64'),
    };
  }

  async changes(count: number): Promise<Commit> {
    const segment = await this.uploadChanges(count);
    return this.commit({ segments: [segment], lastSequence: this.#sequence, position: samplePosition(200) });
  }

  /**
   * The next changes, or those from another sequence. `misplace` puts every record into the lane
   * after the one where it belongs; `spoil` changes records before they are encoded.
   */
  async uploadChanges(count: number, options: ChangesOptions = {}): Promise<SegmentEntry> {
    const { misplace = false, spoil = (record) => record } = options;
    this.#sequence = (options.from ?? this.#sequence + 1) - 1;
    const lanes = Array.from({ length: LANES }, (_, lane) => ({ lane, records: [] as DataRecord[] }));
    const first = this.#sequence + 1;
    for (let i = 0; i < count; i++) {
      const record = spoil(sampleChange(++this.#sequence));
      const id = record.namespace === 'shop.log' ? null : documentId(record.documentKey);
      const lane = laneOf(record.namespace, id, LANES);
      lanes[(lane + (misplace ? 1 : 0)) % LANES]!.records.push(record);
    }
    const { chunks, entry } = await encodeChangeSegment({
      format: this.#format,
      codec: 'zstandard',
      records: lanes,
    });
    const key = newChangeSegmentKey({
      clusterTime: clusterTime(SECONDS, first),
      firstSequence: first,
      epoch: this.writer.epoch,
      extension: segmentExtension(this.#format, 'zstandard'),
    });
    await this.bucket.put(segmentKey(STREAM, key), Buffer.concat(chunks));
    return { ...entry, key };
  }

  path(key: string): string {
    return join(this.folder, STREAM, key);
  }

  /** The stored segments of a kind, in the order of their commits. */
  /** The whole key of the file that the load names. */
  async letters(): Promise<string> {
    const prefix = deadLettersPrefix(loadPrefix(STREAM, 'staging'));
    for await (const { key } of this.bucket.list(prefix)) return key;
    throw new Error('there is none');
  }

  async segments(kind: SegmentEntry['kind']): Promise<SegmentEntry[]> {
    const found: SegmentEntry[] = [];
    for (let seq = 1; seq <= this.writer.state.seq; seq++) {
      found.push(...((await this.stored(seq)).segments ?? []).filter((entry) => entry.kind === kind));
    }
    return found;
  }

  async stored(seq: number): Promise<Commit> {
    const { checksum: _, ...commit } = JSON.parse(
      await readFile(join(this.folder, commitKey(STREAM, seq)), 'utf8'),
    );
    return commit;
  }

  /**
   * Changes a commit as it stands, with a checksum that fits; `rechain` makes those after it fit
   * too.
   */
  async amend(seq: number, change: (commit: Commit) => object, rechain = true): Promise<void> {
    let previous: string | null = null;
    for (let at = seq; at <= this.writer.state.seq && (at === seq || rechain); at++) {
      const commit = await this.stored(at);
      const sealed = sealJson(at === seq ? { ...commit, ...change(commit) } : { ...commit, previous });
      previous = sha256(sealed);
      await this.rewrite(join(this.folder, commitKey(STREAM, at)), () => sealed);
    }
  }

  async rewrite(path: string, change: (bytes: Buffer) => Buffer | null): Promise<void> {
    const changed = change(await readFile(path));
    await rm(path);
    if (changed) await writeFile(path, changed);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.writer.close();
    await this.bucket.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}

const capped = (namespace: string) => ({ ...sampleCollection(namespace), capped: true, singleLane: true });

/** Every fifth goes to the capped collection. */
function sampleChange(sequence: number): DataRecord {
  const document = sampleDocument(sequence);
  return {
    sequence,
    operation: 'insert',
    namespace: sequence % 5 === 0 ? 'shop.log' : 'shop.orders',
    collectionUuid: null,
    clusterTime: clusterTime(SECONDS, sequence),
    wallTime: null,
    transaction: null,
    documentKey: buildDocument([['_id', int32(sequence)]]),
    document,
    documentOrigin: 'event',
    update: null,
    before: null,
  };
}
