/** One of each part of a commit, valid and small. */
import type {
  CollectionDefinition,
  CommitBody,
  Milestone,
  SegmentEntry,
} from '@waybill/shared/manifest/commit';
import type { NewStream } from '@waybill/shared/manifest/identity';

const HASH = 'ab'.repeat(32);
export const UUID = 'cd'.repeat(16);
/** The empty BSON document. */
const EMPTY_DOCUMENT = 'BQAAAAA=';

export const sampleIdentity: NewStream = {
  stream: 'default',
  source: '65f0a1b2c3d4e5f6a7b8c9d0',
  sourceTopology: 'replicaSet',
  lanes: 16,
  format: 'avro',
  codec: 'zstandard',
  include: ['shop'],
  exclude: [],
  images: 'lookup',
};

export function sampleChanges(firstSequence: number, records: number, seconds = 100): SegmentEntry {
  const lastSequence = firstSequence + records - 1;
  return {
    kind: 'changes',
    key: `segments/changes/2026/11/21/03/${String(firstSequence).padStart(20, '0')}-1-abcdef.avro`,
    format: 'avro',
    codec: 'zstandard',
    bytes: 1000,
    records,
    sha256: HASH,
    documentBytes: 3000,
    firstSequence,
    lastSequence,
    firstClusterTime: `${seconds}:1`,
    lastClusterTime: `${seconds}:${records}`,
    operations: { insert: records },
    headerBytes: 200,
    lanes: [{ lane: 3, offset: 200, length: 800, records, firstSequence, lastSequence, sha256: HASH }],
  };
}

export function sampleSnapshot(
  namespace: string,
  chunk: number,
  part: number,
  records: number,
): SegmentEntry {
  return {
    kind: 'snapshot',
    key: `segments/snapshot/${namespace}/${chunk}-${part}-1-abcdef.avro`,
    format: 'avro',
    codec: 'zstandard',
    bytes: 500,
    records,
    sha256: HASH,
    documentBytes: 1500,
    namespace,
    collectionUuid: UUID,
    chunk,
    part,
  };
}

export function sampleCollection(namespace: string): CollectionDefinition {
  return {
    namespace,
    type: 'collection',
    uuid: UUID,
    options: EMPTY_DOCUMENT,
    indexes: [EMPTY_DOCUMENT],
    singleLane: false,
    capped: false,
    documents: 10,
    bytes: 100,
    snapshot: true,
  };
}

export function sampleMilestone(name: Milestone['name'], seconds = 100): Milestone {
  return {
    name,
    at: '2026-11-21T03:00:00.000Z',
    clusterTime: `${seconds}:1`,
    sequence: null,
    evidence: { documents: 3, complete: true, report: null, namespace: 'shop.orders' },
  };
}

export const samplePosition = (seconds: number): NonNullable<CommitBody['position']> => ({
  clusterTime: `${seconds}:7`,
  resumeToken: EMPTY_DOCUMENT,
  options: 'options-hash',
});

/** Everything that one commit may hold without DDL, as the first commit of a log. */
export const sampleBody: CommitBody = {
  position: samplePosition(100),
  lastSequence: 5,
  segments: [sampleChanges(1, 5), sampleSnapshot('shop.orders', 0, 0, 7)],
  collections: [sampleCollection('shop.orders')],
  plan: [
    { namespace: 'shop.orders', chunk: 0, lower: null, upper: EMPTY_DOCUMENT },
    { namespace: 'shop.orders', chunk: 1, lower: EMPTY_DOCUMENT, upper: null },
  ],
  chunks: [{ namespace: 'shop.orders', chunk: 0, lastId: EMPTY_DOCUMENT, done: false, records: 7 }],
  milestones: [sampleMilestone('snapshot-started')],
  partialTransaction: true,
};
