/**
 * The files of the manifest as zod schemas. They are strict, because a field that a reader does not
 * know is a feature that it lacks. `schemas/src/*.schema.json` is generated from here
 * (shared/scripts/write-schemas.ts), and a test holds the two together.
 */
import { z } from 'zod';
import { parseClusterTime } from '../base/position.ts';
import { keyFault } from '../bucket/key.ts';
import { MOST_LANES } from './limits.ts';

const count = z.int().min(0);
const positive = z.int().min(1);
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const uuid = z.string().regex(/^[0-9a-f]{32}$/);
/** A definition or a bound of a chunk: a BSON document of at most 16 MiB and a little more. */
const base64 = z.base64().max(24 * 1024 * 1024);
/** A namespace has at most 255 bytes. A name that is not UTF-8 is shown in more characters. */
const namespace = z.string().max(1024);
const word = z.string().max(1024);
const text = z.string().max(1024 * 1024);
/**
 * Far above what a commit or a checkpoint was ever seen to hold. A longer list is no stream but an
 * attack on its readers.
 */
const MOST_ITEMS = 10_000_000;
const list = <T extends z.ZodType>(item: T) => z.array(item).max(MOST_ITEMS);
const number = z.number().min(-Number.MAX_SAFE_INTEGER).max(Number.MAX_SAFE_INTEGER);
const time = z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/);
const clusterTime = z
  .string()
  .regex(/^\d{1,10}:\d{1,10}$/)
  .refine((text) => parseClusterTime(text) !== undefined, 'not a cluster time');
/** Readers refuse another version before they look at its fields. */
export const FORMAT_VERSION = 1;
const version = z.strictObject({
  formatVersion: z.literal(FORMAT_VERSION),
  features: z.array(word).max(1000),
});

export const laneRunSchema = z.strictObject({
  lane: count.max(MOST_LANES - 1),
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
    .max(1024)
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
    namespace,
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
    lanes: z.array(laneRunSchema).max(MOST_LANES),
  }),
]);

export const positionSchema = z.strictObject({
  clusterTime,
  resumeToken: base64.nullable(),
  options: word,
  taken: count.exactOptional(),
  lastEvent: clusterTime.exactOptional(),
});

export const collectionSchema = z.strictObject({
  namespace,
  type: z.enum(['collection', 'view']),
  uuid: uuid.nullable(),
  options: base64,
  indexes: list(base64),
  singleLane: z.boolean(),
  capped: z.boolean(),
  documents: number,
  bytes: number,
  snapshot: z.boolean(),
});

export const chunkPlanSchema = z.strictObject({
  namespace,
  chunk: count,
  lower: base64.nullable(),
  upper: base64.nullable(),
  natural: z.literal(true).exactOptional(),
});

export const chunkProgressSchema = z.strictObject({
  namespace,
  chunk: count,
  lastId: base64.nullable(),
  positions: list(base64).exactOptional(),
  done: z.boolean(),
  records: count,
  skipped: z.literal(true).exactOptional(),
});

export const ddlSchema = z.strictObject({
  operation: z.enum(['create', 'drop', 'rename', 'dropDatabase', 'createIndexes', 'dropIndexes', 'modify']),
  namespace,
  to: namespace.exactOptional(),
  collectionUuid: uuid.nullable(),
  clusterTime,
  wallTime: z.int().nullable(),
  description: base64.nullable(),
  synthetic: z.literal(true).exactOptional(),
});

const readingSchema = z.strictObject({ namespace, clusterTime });

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
    'cutover-started',
    'verified',
    'cutover',
    'aborted',
    'rate-set',
    'paused',
    'resumed',
    'obeyed',
    'dead-letters-asked',
    'dead-letters-answered',
  ]),
  at: time,
  clusterTime: clusterTime.nullable(),
  sequence: count.nullable(),
  evidence: z.record(word, z.union([text, number, z.boolean(), z.null()])).exactOptional(),
});

const letterCountsSchema = z.strictObject({
  opened: count,
  superseded: count,
  deleted: count,
  retried: count,
  discarded: count,
});
const letterRules = z.record(word.min(1), letterCountsSchema);

const deadLetterFileSchema = z.strictObject({
  key: z
    .string()
    .max(1024)
    .regex(/^dead-letters\/[A-Za-z0-9._-]+$/)
    .refine((key) => keyFault(key) === undefined, 'not a key'),
  bytes: positive,
  sha256: hash,
  indexBytes: positive,
  indexSha256: hash,
  firstLetter: positive,
  letters: count,
  rules: letterRules,
});

export const commitSchema = version.extend({
  seq: positive,
  epoch: positive,
  writer: word.min(1),
  attempt: word.min(1),
  previous: hash.nullable(),
  at: time,
  position: positionSchema.exactOptional(),
  lastSequence: count.exactOptional(),
  segments: list(segmentEntrySchema).exactOptional(),
  collections: list(collectionSchema).exactOptional(),
  plan: list(chunkPlanSchema).exactOptional(),
  chunks: list(chunkProgressSchema).exactOptional(),
  ddl: list(ddlSchema).exactOptional(),
  milestones: list(milestoneSchema).exactOptional(),
  partialTransaction: z.literal(true).exactOptional(),
  reading: readingSchema.nullable().exactOptional(),
  note: z.literal(true).exactOptional(),
  deadLetters: deadLetterFileSchema.exactOptional(),
});

export const identitySchema = version.extend({
  stream: z.string().regex(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/),
  createdAt: time,
  source: word.min(1),
  sourceTopology: z.enum(['replicaSet', 'sharded']),
  lanes: positive.max(MOST_LANES),
  format: z.enum(['avro', 'jsonl']),
  codec: segmentCommon.codec,
  include: list(namespace),
  exclude: list(namespace),
  images: z.enum(['lookup', 'post', 'none']),
  progress: list(namespace).exactOptional(),
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

/**
 * A folded state as stored in `checkpoints/`. Arrays are in the state's own order, so every writer
 * makes the same bytes.
 */
export const checkpointSchema = version.extend({
  seq: positive,
  /** SHA-256 of commit `seq`. A reader skips a checkpoint that does not fit the log. */
  hash,
  epoch: positive,
  writer: word.min(1),
  at: time,
  position: positionSchema.nullable(),
  lastSequence: count,
  partialTransaction: z.boolean(),
  reading: readingSchema.exactOptional(),
  collections: list(collectionSchema),
  currentCollections: list(collectionSchema),
  ddlBeforeInventory: z
    .array(z.strictObject({ ddl: list(ddlSchema), collections: list(collectionSchema) }))
    .max(MOST_ITEMS)
    .nullable(),
  chunks: list(chunkPlanSchema.extend({ progress: chunkProgressSchema.nullable() })),
  snapshotSegments: list(segmentEntrySchema),
  milestones: list(milestoneSchema),
  totals: totalsSchema,
  deadLetters: z
    .strictObject({ letters: count, rules: letterRules, files: list(deadLetterFileSchema) })
    .exactOptional(),
});
