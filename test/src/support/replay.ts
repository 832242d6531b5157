import type { DataRecord } from '@waybill/shared/base/record';
import { findElement } from '@waybill/shared/bson/raw';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import type { Commit, DdlEvent } from '@waybill/shared/manifest/commit';
import { foldCommit } from '@waybill/shared/manifest/fold';
import { segmentKey } from '@waybill/shared/manifest/keys';
import { readCommits } from '@waybill/shared/manifest/log';
import { EMPTY_STATE, type StreamState } from '@waybill/shared/manifest/state';
import { readChangeSegment, readSnapshotSegment } from '@waybill/shared/segment/read/reader';
import type { TestClient } from './raw.ts';

/** Documents by the exact bytes of their `_id`. */
export type Documents = Map<string, Buffer>;

export interface Replayed {
  readonly collections: Map<string, Documents>;
  readonly state: StreamState;
  readonly commits: readonly Commit[];
  /** All change records in the order of their sequences. */
  readonly changes: readonly DataRecord[];
}

/**
 * Applies everything in a stream in the simplest way: the snapshot, then commit by commit, record
 * by record in the order of sequences. It knows nothing of lanes, batches or coalescing.
 */
export async function replayStream(bucket: Bucket, prefix: string): Promise<Replayed> {
  let state = EMPTY_STATE;
  const commits: Commit[] = [];
  for await (const next of readCommits(bucket, prefix)) {
    state = foldCommit(state, next);
    commits.push(next.commit);
  }
  const collections = new Map<string, Documents>();
  const uuids = new Map<string, string>();
  for (const { namespace, type, uuid } of state.collections.values()) {
    if (type === 'collection') collections.set(namespace, new Map());
    if (uuid !== null) uuids.set(namespace, uuid);
  }
  for (const entry of state.snapshotSegments) {
    const documents = documentsOf(collections, entry.namespace!);
    for await (const block of readSnapshotSegment(bucket, segmentKey(prefix, entry.key), entry)) {
      for (const document of block.documents) documents.set(idOf(document), Buffer.from(document));
    }
  }
  const changes: DataRecord[] = [];
  for (const commit of commits) {
    for (const event of commit.ddl ?? []) applyDdl(collections, uuids, event);
    for (const entry of commit.segments ?? []) {
      if (entry.kind !== 'changes') continue;
      const records: DataRecord[] = [];
      for await (const block of readChangeSegment(bucket, segmentKey(prefix, entry.key), entry)) {
        records.push(...block.records);
      }
      records.sort((a, b) => a.sequence - b.sequence);
      for (const record of records) applyRecord(collections, record);
      changes.push(...records);
    }
  }
  return { collections, state, commits, changes };
}

function applyRecord(collections: Map<string, Documents>, record: DataRecord): void {
  const documents = documentsOf(collections, record.namespace);
  // A delete with a document: it stands under another shard key.
  if (record.operation === 'delete' && record.document === null) documents.delete(idOf(record.documentKey));
  else if (record.document !== null) documents.set(idOf(record.document), Buffer.from(record.document));
  else if (record.documentOrigin !== 'superseded' && record.documentOrigin !== 'missing') {
    throw new Error(`sequence ${record.sequence}: ${record.operation} without a document`);
  }
}

function applyDdl(collections: Map<string, Documents>, uuids: Map<string, string>, event: DdlEvent): void {
  switch (event.operation) {
    case 'create': {
      // A new collection of that name starts empty, as on a target.
      const uuid = event.collectionUuid;
      if (uuid !== null && uuids.get(event.namespace) !== uuid) {
        collections.delete(event.namespace);
        uuids.set(event.namespace, uuid);
      }
      documentsOf(collections, event.namespace);
      break;
    }
    case 'drop':
      collections.delete(event.namespace);
      break;
    case 'dropDatabase':
      for (const name of collections.keys()) {
        if (name.startsWith(`${event.namespace}.`)) collections.delete(name);
      }
      break;
    case 'rename': {
      const moved = collections.get(event.namespace);
      collections.delete(event.namespace);
      if (moved) collections.set(event.to!, moved);
      if (event.collectionUuid !== null) uuids.set(event.to!, event.collectionUuid);
      break;
    }
  }
}

function documentsOf(collections: Map<string, Documents>, namespace: string): Documents {
  let documents = collections.get(namespace);
  if (!documents) {
    documents = new Map();
    collections.set(namespace, documents);
  }
  return documents;
}

function idOf(document: Uint8Array): string {
  const id = findElement(document, '_id');
  if (!id) throw new Error('a document without _id');
  return `${id.type}:${Buffer.from(id.bytes).toString('latin1')}`;
}

/** The differences between a replayed stream and a database's collections now, one line each. */
export async function differences(
  replayed: Replayed,
  client: TestClient,
  database: string,
): Promise<string[]> {
  const lines: string[] = [];
  const names = new Set<string>();
  for (const { name, type } of await client.client.db(database).listCollections().toArray()) {
    if (type === 'view' || name.startsWith('system.')) continue;
    const namespace = `${database}.${name}`;
    names.add(namespace);
    const documents = new Map(replayed.collections.get(namespace) ?? []);
    if (!replayed.collections.has(namespace)) lines.push(`${namespace}: missing in the stream`);
    for await (const document of client.read(database, name)) {
      const id = idOf(document);
      const ours = documents.get(id);
      documents.delete(id);
      if (!ours) lines.push(`${namespace}: a document is missing`);
      else if (!ours.equals(document)) lines.push(`${namespace}: a document differs`);
    }
    for (let left = documents.size; left > 0; left--)
      lines.push(`${namespace}: a document is only in the stream`);
  }
  for (const namespace of replayed.collections.keys()) {
    if (namespace.startsWith(`${database}.`) && !names.has(namespace))
      lines.push(`${namespace}: only in the stream`);
  }
  return lines.slice(0, 20);
}
