import { randomUUID } from 'node:crypto';
import { type ClusterTime, clusterTime, formatClusterTime } from '@waybill/shared/base/position';
import type { DataRecord, DocumentOrigin, Operation } from '@waybill/shared/base/record';
import { buildDocument, fromObject, type Plain } from '@waybill/shared/bson/build';
import { laneOf } from '@waybill/shared/bson/canonical-key';
import type { RawElement } from '@waybill/shared/bson/raw';
import { documentId } from '@waybill/shared/bson/statement';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import type {
  CollectionDefinition,
  Commit,
  CommitBody,
  DdlEvent,
  MilestoneName,
  SegmentEntry,
  StreamIdentity,
} from '@waybill/shared/manifest/commit';
import { createStream } from '@waybill/shared/manifest/identity';
import {
  newChangeSegmentKey,
  newSnapshotSegmentKey,
  segmentKey,
  streamPrefix,
} from '@waybill/shared/manifest/keys';
import { ManifestWriter } from '@waybill/shared/manifest/writer';
import { segmentExtension } from '@waybill/shared/segment/extension';
import { encodeChangeSegment } from '@waybill/shared/segment/write/change-writer';
import { SnapshotSegmentWriter } from '@waybill/shared/segment/write/snapshot-writer';
import { placesOf } from './bson/testing.ts';

export interface BuiltCollection {
  readonly namespace: string;
  readonly type?: 'collection' | 'view';
  readonly uuid?: string | null;
  readonly options?: Buffer;
  readonly indexes?: readonly Buffer[];
  readonly documents?: readonly Buffer[];
  /** Documents a segment. Default: all in one. */
  readonly segmentDocuments?: number;
}

export interface BuiltChange {
  readonly operation: Operation;
  readonly namespace: string;
  /** Of the collection, 32 hexadecimal digits. */
  readonly uuid?: string;
  readonly id: RawElement;
  readonly document?: Buffer | null;
  readonly origin?: DocumentOrigin;
  /** Of its cluster time within the commit's second. Default: 1. */
  readonly increment?: number;
}

export interface StreamBuilderOptions {
  readonly stream?: string;
  readonly lanes?: number;
  readonly images?: 'lookup' | 'none';
  readonly format?: SegmentEntry['format'];
  readonly sourceTopology?: StreamIdentity['sourceTopology'];
  /** The cluster's identity. Default: that of no real cluster. */
  readonly source?: string;
}

/**
 * Writes a stream into a bucket with the product's own writers. The test says what the source did.
 */
export class StreamBuilder {
  readonly bucket: Bucket;
  readonly stream: string;
  readonly lanes: number;
  readonly #format: SegmentEntry['format'];
  readonly #writer: ManifestWriter;
  readonly #collections = new Map<string, CollectionDefinition>();
  #sequence = 0;
  #seconds = 1_700_000_000;

  private constructor(
    bucket: Bucket,
    options: Required<Omit<StreamBuilderOptions, 'images' | 'source' | 'sourceTopology'>>,
    writer: ManifestWriter,
  ) {
    this.bucket = bucket;
    this.stream = options.stream;
    this.lanes = options.lanes;
    this.#format = options.format;
    this.#writer = writer;
  }

  static async create(bucketUrl: string, options: StreamBuilderOptions = {}): Promise<StreamBuilder> {
    const { stream = 'default', lanes = 4, images = 'lookup', format = 'avro' } = options;
    const { sourceTopology = 'replicaSet', source = randomUUID().replaceAll('-', '') } = options;
    const bucket = await openBucket(bucketUrl);
    const prefix = streamPrefix(stream);
    await createStream(bucket, prefix, {
      stream,
      source,
      sourceTopology,
      lanes,
      format,
      codec: 'zstandard',
      include: [],
      exclude: [],
      images,
      progress: [],
    });
    const writer = await ManifestWriter.acquire({ bucket, prefix, writer: `test:${randomUUID()}` });
    return new StreamBuilder(bucket, { stream, lanes, format }, writer);
  }

  /** The next cluster time, a second after the one before. */
  tick(): string {
    this.#seconds++;
    return formatClusterTime(clusterTime(this.#seconds, 1));
  }

  /** A cluster time of the second that the last commit came in. */
  at(increment: number): ClusterTime {
    return clusterTime(this.#seconds, increment);
  }

  /** Collections with their documents, then the end of the snapshot unless it is to stay open. */
  async snapshot(collections: readonly BuiltCollection[], { complete = true } = {}): Promise<SegmentEntry[]> {
    const definitions = collections.map((collection) => this.#define(collection, true));
    await this.commit({ collections: definitions, milestones: [this.#milestone('snapshot-started')] });
    const segments: SegmentEntry[] = [];
    for (const collection of collections) {
      const documents = collection.documents ?? [];
      const size = collection.segmentDocuments ?? Math.max(1, documents.length);
      for (let from = 0, part = 0; from < documents.length; from += size, part++) {
        const some = documents.slice(from, from + size);
        segments.push(await this.#putSnapshotSegment(collection, part, some));
      }
    }
    if (segments.length > 0) await this.commit({ segments });
    if (complete) await this.milestone('snapshot-completed');
    return segments;
  }

  async #putSnapshotSegment(
    { namespace, uuid: collectionUuid = null }: BuiltCollection,
    part: number,
    documents: readonly Buffer[],
  ): Promise<SegmentEntry> {
    const time = clusterTime(this.#seconds, 1);
    const writer = new SnapshotSegmentWriter({
      namespace,
      collectionUuid: collectionUuid === null ? null : Buffer.from(collectionUuid, 'hex'),
      clusterTime: time,
      format: this.#format,
      codec: 'zstandard',
    });
    const extension = segmentExtension(this.#format, 'zstandard');
    const key = newSnapshotSegmentKey({ namespace, chunk: 0, part, epoch: 1, extension });
    const put = this.bucket.put(segmentKey(streamPrefix(this.stream), key), writer.body);
    await writer.append(placesOf(documents));
    const { bytes, sha256, records, documentBytes } = await writer.finish();
    await put;
    const facts = { bytes, sha256, records, documentBytes, namespace, collectionUuid, chunk: 0, part };
    return { kind: 'snapshot', key, format: this.#format, codec: 'zstandard', ...facts };
  }

  /** One commit of changes, in the order given. */
  async changes(changes: readonly BuiltChange[], extra: CommitBody = {}): Promise<Commit> {
    this.tick();
    const byLane = new Map<number, DataRecord[]>();
    const single = new Set(
      [...this.#collections.values()].filter((c) => c.singleLane).map((c) => c.namespace),
    );
    for (const change of changes) {
      const record = this.#record(change);
      const lane = laneOf(change.namespace, single.has(change.namespace) ? null : change.id, this.lanes);
      byLane.set(lane, [...(byLane.get(lane) ?? []), record]);
    }
    const records = [...byLane].map(([lane, laneRecords]) => ({ lane, records: laneRecords }));
    const { chunks, entry } = await encodeChangeSegment({
      format: this.#format,
      codec: 'zstandard',
      records,
    });
    const key = newChangeSegmentKey({
      clusterTime: clusterTime(this.#seconds, 1),
      firstSequence: entry.firstSequence!,
      epoch: 1,
      extension: segmentExtension(this.#format, 'zstandard'),
    });
    await this.bucket.put(segmentKey(streamPrefix(this.stream), key), Buffer.concat(chunks));
    return this.commit({
      segments: [{ ...entry, key }],
      lastSequence: this.#sequence,
      position: { clusterTime: entry.lastClusterTime!, resumeToken: null, options: 'test' },
      ...extra,
    });
  }

  #record({
    operation,
    namespace,
    uuid,
    id,
    document = null,
    origin,
    increment = 1,
  }: BuiltChange): DataRecord {
    return {
      sequence: ++this.#sequence,
      operation,
      namespace,
      collectionUuid: uuid === undefined ? null : Buffer.from(uuid, 'hex'),
      clusterTime: this.at(increment),
      wallTime: null,
      transaction: null,
      documentKey: buildDocument([['_id', id]]),
      document,
      documentOrigin: origin ?? (document ? 'event' : 'none'),
      update: null,
      before: null,
    };
  }

  /** A barrier commit. `description` as the server's `operationDescription`. */
  async ddl(
    events: readonly (Pick<DdlEvent, 'namespace' | 'operation'> & {
      readonly to?: string;
      readonly uuid?: string | null;
      readonly synthetic?: true;
      readonly description?: Readonly<Record<string, Plain>> | Buffer;
    })[],
  ): Promise<Commit> {
    const ddl = events.map(({ uuid = null, description, ...event }): DdlEvent => {
      const raw = Buffer.isBuffer(description) ? description : description && fromObject(description);
      return {
        ...event,
        collectionUuid: uuid,
        clusterTime: this.tick(),
        wallTime: null,
        description: raw?.toString('base64') ?? null,
      };
    });
    return this.commit({ ddl, position: { clusterTime: this.tick(), resumeToken: null, options: 'test' } });
  }

  async milestone(name: MilestoneName): Promise<Commit> {
    return this.commit({ milestones: [this.#milestone(name)] });
  }

  commit(body: CommitBody): Promise<Commit> {
    return this.#writer.commit(body);
  }

  #milestone(name: MilestoneName) {
    const time = formatClusterTime(clusterTime(this.#seconds, 1));
    return { name, at: new Date().toISOString(), clusterTime: time, sequence: this.#sequence };
  }

  #define(collection: BuiltCollection, snapshot: boolean): CollectionDefinition {
    const { namespace, type = 'collection', uuid = null, indexes = [], documents = [] } = collection;
    const options = collection.options ?? fromObject({});
    const capped = options.includes('capped');
    const definition: CollectionDefinition = {
      namespace,
      type,
      uuid,
      options: options.toString('base64'),
      indexes: indexes.map((index) => index.toString('base64')),
      singleLane: capped || options.includes('collation'),
      capped,
      documents: documents.length,
      bytes: documents.reduce((sum, { length }) => sum + length, 0),
      snapshot: snapshot && type === 'collection',
    };
    this.#collections.set(namespace, definition);
    return definition;
  }
}

export function put(namespace: string, document: Buffer, operation: Operation = 'insert'): BuiltChange {
  return { operation, namespace, id: documentId(document), document };
}

/** The changes of one collection, by its uuid. */
export function ofCollection(uuid: string, changes: readonly BuiltChange[]): BuiltChange[] {
  return changes.map((change) => ({ ...change, uuid }));
}

export function remove(namespace: string, id: RawElement): BuiltChange {
  return { operation: 'delete', namespace, id };
}
