import { formatClusterTime } from '@waybill/shared/base/position';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import type { CollectionDefinition } from '@waybill/shared/manifest/commit';
import { createStream } from '@waybill/shared/manifest/identity';
import { readManifest } from '@waybill/shared/manifest/log';
import { ManifestWriter } from '@waybill/shared/manifest/writer';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { currentOperationTime } from '@waybill/shared/mongo/facts/operation-time';
import { sourceIdentity } from '@waybill/shared/mongo/facts/source-identity';
import type { Db } from 'mongodb-4-0';
import { expect } from 'vitest';
import { temporaryBucket } from './bucket.ts';
import { connectSource, startCapture } from './capturing.ts';
import { compareDeployments } from './compare.ts';
import { testClient } from './raw.ts';
import { load } from './run-load.ts';
import { type ServerKind, type TestServers, uniqueName } from './servers.ts';

export interface Scenario {
  /** Before 6.0 the stream doesn't show that a view is created. */
  readonly since60?: boolean;
  /** Relative to the database; none: the whole of it. */
  readonly include?: readonly string[] | undefined;
  readonly before: (db: Db) => Promise<void>;
  readonly meanwhile: (db: Db) => Promise<void>;
  /** Instead of what the capture would find. */
  readonly inventory?: (db: Db, source: MongoConnection) => Promise<CollectionDefinition[]>;
  readonly after?: (db: Db) => Promise<void>;
}

export const seed = async (db: Db, name: string): Promise<void> => {
  await db.collection<Doc>(name).insertMany([
    { _id: 1, of: name },
    { _id: 2, of: name },
  ]);
};
export const write = async (db: Db, name: string): Promise<void> => {
  const collection = db.collection<Doc>(name);
  await collection.updateOne({ _id: 1 }, { $inc: { n: 1 } }, { upsert: true });
  await collection.deleteOne({ _id: 2 });
  await collection.insertOne({ _id: `${name} ${writes++}`, of: name });
};
export const insert = async (db: Db, name: string): Promise<void> => {
  await db.collection<Doc>(name).insertOne({ _id: `${name} ${writes++}`, of: name });
};
let writes = 0;

interface Doc {
  readonly _id: number | string;
  readonly of?: string;
  readonly n?: number;
}

export const all = async (db: Db, names: readonly string[], each: typeof seed): Promise<void> => {
  for (const name of names) await each(db, name);
};
export const over = (db: Db, from: string, to: string) =>
  db.collection(from).rename(to, { dropTarget: true });
export const collation = { locale: 'en', strength: 2 };

/**
 * Captures and loads what the scenario does. Expects the source's documents and structure on the
 * target.
 */
export async function migrated(
  { source: { uri: sourceUri }, target: { uri: targetUri } }: TestServers,
  scenario: Scenario,
  kind: ServerKind,
): Promise<void> {
  const database = uniqueName('t0');
  await using client = await testClient(sourceUri);
  await using target = await testClient(targetUri);
  await using source = await connectSource(sourceUri);
  await using folder = await temporaryBucket();
  const bucket = await openBucket(folder.url);
  const include = scenario.include?.map((name) => `${database}.${name}`) ?? [database];
  const db = client.client.db(database);
  try {
    await scenario.before(db);
    await streamFromNow(bucket, source, include);
    await scenario.meanwhile(db);
    if (scenario.inventory) await beginWith(bucket, await scenario.inventory(db, source));
    await startCapture(source, bucket, { include, until: 'caught-up' }).ended;
    await scenario.after?.(db);
    await startCapture(source, bucket, { include, until: 'caught-up' }).ended;
    // What is not captured is not compared.
    for (const { name } of await db.listCollections({}, { nameOnly: true }).toArray()) {
      const isOut = scenario.include && !scenario.include.includes(name);
      if (isOut && !name.startsWith('system.')) await db.collection(name).drop();
    }
    await target.client.db('waybill').dropDatabase();
    await load({ bucketUrl: folder.url, targetUri, until: 'caught-up', allowDrop: true });
    // Before 6.0 the stream shows not all changes of structure, and versions write the same
    // definition in different ways.
    const structure = kind === 'current';
    expect(await compareDeployments(sourceUri, targetUri, { databases: [database], structure })).toEqual([]);
  } finally {
    await db.dropDatabase();
    await target.client.db(database).dropDatabase();
  }
}

/**
 * The state that a capture leaves if it is killed after it opened the change stream and before it
 * listed anything.
 */
async function streamFromNow(
  bucket: Bucket,
  source: MongoConnection,
  include: readonly string[],
): Promise<void> {
  const { id, topology } = await sourceIdentity(source);
  const settings = { lanes: 16, format: 'avro', codec: 'zstandard', images: 'lookup' } as const;
  const fixed = { stream: 'default', source: id, sourceTopology: topology, exclude: [], ...settings };
  await createStream(bucket, 'default', { ...fixed, include: [...include] });
  const t0 = formatClusterTime(await currentOperationTime(source));
  const position = { clusterTime: t0, resumeToken: null, options: 'none' };
  const writer = await ManifestWriter.acquire({
    bucket,
    prefix: 'default',
    writer: 'test',
    body: { position },
  });
  await writer.close();
}

async function beginWith(bucket: Bucket, collections: CollectionDefinition[]): Promise<void> {
  const { position } = await readManifest(bucket, 'default');
  if (!position) throw new Error('the stream has no position');
  const at = { at: new Date().toISOString(), clusterTime: position.clusterTime, sequence: 0 };
  const body = { collections, milestones: [{ name: 'snapshot-started' as const, ...at }] };
  const writer = await ManifestWriter.acquire({ bucket, prefix: 'default', writer: 'test', body });
  await writer.close();
}
