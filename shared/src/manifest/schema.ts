/**
 * The files of the manifest as zod schemas: strict, because a field that a reader does not know is a feature it lacks.
 * `schemas/src/*.schema.json` is generated from here (shared/scripts/write-schemas.ts), a test holds the two together.
 */
import { z } from 'zod';
import { keyFault } from '../bucket/key.ts';
import { parseClusterTime } from '../position.ts';

const count = z.int().min(0);
const positive = z.int().min(1);
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const uuid = z.string().regex(/^[0-9a-f]{32}$/);
const base64 = z.base64();
const time = z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
const clusterTime = z
  .string()
  .regex(/^\d{1,10}:\d{1,10}$/)
  .refine((text) => parseClusterTime(text) !== undefined, 'not a cluster time');
/** Another version is refused before its fields are looked at. */
export const FORMAT_VERSION = 1;
const version = z.strictObject({ formatVersion: z.literal(FORMAT_VERSION), features: z.array(z.string()) });

export const laneRunSchema = z.strictObject({
  lane: count,
  offset: count,
  length: positive,
  records: positive,
  firstSequence: positive,
  lastSequence: positive,
  sha256: hash,
});

const operations = z.partialRecord(z.enum(['read', 'insert', 'update', 'replace', 'delete']), count);

const segmentCommon = {
  /** A key that leads out of the stream's folder would be a foreign file at best. */
  key: z
    .string()
    .regex(/^segments\/(snapshot|changes)\/[A-Za-z0-9._%~/-]+$/)
    .refine((key) => keyFault(key) === undefined, 'not a key'),
  format: z.enum(['avro', 'jsonl']),
  codec: z.enum(['null', 'deflate', 'zstandard', 'gzip']),
  bytes: count,
  records: count,
  sha256: hash,
  documentBytes: count,
};

export const segmentEntrySchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('snapshot'),
    ...segmentCommon,
    namespace: z.string(),
    collectionUuid: uuid.nullable(),
    chunk: count,
    part: count,
    operations: operations.exactOptional(),
    headerBytes: positive.exactOptional(),
  }),
  z.strictObject({
    kind: z.literal('changes'),
    ...segmentCommon,
    firstSequence: positive,
    lastSequence: positive,
    firstClusterTime: clusterTime,
    lastClusterTime: clusterTime,
    operations: operations.exactOptional(),
    headerBytes: positive.exactOptional(),
    lanes: z.array(laneRunSchema),
  }),
]);

export const positionSchema = z.strictObject({
  clusterTime,
  resumeToken: base64.nullable(),
  options: z.string(),
  taken: count.exactOptional(),
  lastEvent: clusterTime.exactOptional(),
});

export const collectionSchema = z.strictObject({
  namespace: z.string(),
  type: z.enum(['collection', 'view']),
  uuid: uuid.nullable(),
  options: base64,
  indexes: z.array(base64),
  singleLane: z.boolean(),
  capped: z.boolean(),
  documents: z.number(),
  bytes: z.number(),
  snapshot: z.boolean(),
});

export const chunkPlanSchema = z.strictObject({
  namespace: z.string(),
  chunk: count,
  lower: base64.nullable(),
  upper: base64.nullable(),
  natural: z.literal(true).exactOptional(),
});

export const chunkProgressSchema = z.strictObject({
  namespace: z.string(),
  chunk: count,
  lastId: base64.nullable(),
  positions: z.array(base64).exactOptional(),
  done: z.boolean(),
  records: count,
  skipped: z.literal(true).exactOptional(),
});

export const ddlSchema = z.strictObject({
  operation: z.enum(['create', 'drop', 'rename', 'dropDatabase', 'createIndexes', 'dropIndexes', 'modify']),
  namespace: z.string(),
  to: z.string().exactOptional(),
  collectionUuid: uuid.nullable(),
  clusterTime,
  wallTime: z.int().nullable(),
  description: base64.nullable(),
});

export const milestoneSchema = z.strictObject({
  name: z.enum([
    'capture-started',
    'capture-stopped',
    'snapshot-started',
    'collection-completed',
    'snapshot-completed',
    'caught-up',
    'writes-stopped',
    'drained',
    'history-lost',
    'stream-closed',
    'target-bound',
    'load-started',
    'snapshot-applied',
    'indexes-built',
    'verified',
    'cutover',
    'aborted',
  ]),
  at: time,
  clusterTime: clusterTime.nullable(),
  sequence: count.nullable(),
  evidence: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])).exactOptional(),
});

export const commitSchema = version.extend({
  seq: positive,
  epoch: positive,
  writer: z.string().min(1),
  attempt: z.string().min(1),
  previous: hash.nullable(),
  at: time,
  position: positionSchema.exactOptional(),
  lastSequence: count.exactOptional(),
  segments: z.array(segmentEntrySchema).exactOptional(),
  collections: z.array(collectionSchema).exactOptional(),
  plan: z.array(chunkPlanSchema).exactOptional(),
  chunks: z.array(chunkProgressSchema).exactOptional(),
  ddl: z.array(ddlSchema).exactOptional(),
  milestones: z.array(milestoneSchema).exactOptional(),
  partialTransaction: z.literal(true).exactOptional(),
  note: z.literal(true).exactOptional(),
});

export const identitySchema = version.extend({
  stream: z.string().regex(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/),
  createdAt: time,
  source: z.string().min(1),
  sourceTopology: z.enum(['replicaSet', 'sharded']),
  lanes: positive,
  format: z.enum(['avro', 'jsonl']),
  codec: segmentCommon.codec,
  include: z.array(z.string()),
  exclude: z.array(z.string()),
  images: z.enum(['lookup', 'post', 'none']),
});

const totalsSchema = z.strictObject({
  commits: count,
  changeSegments: count,
  changeRecords: count,
  changeBytes: count,
  changeDocumentBytes: count,
  snapshotSegments: count,
  snapshotRecords: count,
  snapshotBytes: count,
  snapshotDocumentBytes: count,
  ddlEvents: count,
  milestones: count,
});

/** A folded state as it stands in `checkpoints/`; arrays in the state's own order, so the bytes are the same for all. */
export const checkpointSchema = version.extend({
  seq: positive,
  /** SHA-256 of commit `seq`: a checkpoint that does not fit the log is passed over. */
  hash,
  epoch: positive,
  writer: z.string().min(1),
  at: time,
  position: positionSchema.nullable(),
  lastSequence: count,
  partialTransaction: z.boolean(),
  collections: z.array(collectionSchema),
  currentCollections: z.array(collectionSchema),
  ddlBeforeInventory: z
    .array(z.strictObject({ ddl: z.array(ddlSchema), collections: z.array(collectionSchema) }))
    .nullable(),
  chunks: z.array(chunkPlanSchema.extend({ progress: chunkProgressSchema.nullable() })),
  snapshotSegments: z.array(segmentEntrySchema),
  milestones: z.array(milestoneSchema),
  totals: totalsSchema,
});
