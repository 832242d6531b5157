/** Collections that a sharded target places by a key of its own. */
import { BSON } from 'mongodb-4-0';
import { type TestClient, testClient } from './raw.ts';

export interface ShardedOptions {
  readonly key: Readonly<Record<string, unknown>>;
  /** Documents from there on stand on the second shard. */
  readonly split?: Readonly<Record<string, unknown>>;
  readonly create?: Readonly<Record<string, unknown>>;
}

/** The shards of a cluster, in their order. */
export async function shardsOf({ client }: TestClient): Promise<{ _id: string; host: string }[]> {
  const { shards } = await client.db('admin').command({ listShards: 1 });
  return shards as { _id: string; host: string }[];
}

/** Collections of the database that are not sharded stand there. Before its first collection. */
export async function onFirstShard(cluster: TestClient, database: string): Promise<void> {
  const [first] = await shardsOf(cluster);
  await cluster.client.db('admin').command({ enableSharding: database, primaryShard: first?._id });
}

/** Makes a sharded collection. */
export async function shard(cluster: TestClient, namespace: string, options: ShardedOptions): Promise<void> {
  const [database = '', collection = ''] = namespace.split('.');
  const admin = cluster.client.db('admin');
  const [, second] = await shardsOf(cluster);
  await onFirstShard(cluster, database);
  if (options.create) await cluster.command(database, { create: collection, ...options.create });
  await admin.command({ shardCollection: namespace, key: options.key });
  if (!options.split) return;
  await admin.command({ split: namespace, middle: options.split });
  await admin.command({ moveChunk: namespace, find: options.split, to: second?._id });
}

export interface Spread {
  /** Documents on each shard, asked directly. */
  readonly documents: readonly number[];
  /** The `_id`s that more than one document has, as Extended JSON. */
  readonly repeated: readonly string[];
}

/** Reads every shard directly. Copies that a migration left behind count too. */
export async function spreadOf(cluster: TestClient, namespace: string): Promise<Spread> {
  const [database = '', collection = ''] = namespace.split('.');
  const documents: number[] = [];
  const times = new Map<string, number>();
  for (const { host } of await shardsOf(cluster)) {
    await using shardClient = await testClient(`mongodb://${host.split('/')[1]}/?directConnection=true`);
    let count = 0;
    for await (const bytes of shardClient.read(database, collection)) {
      const id = BSON.EJSON.stringify(BSON.deserialize(bytes, { promoteValues: false })._id);
      times.set(id, (times.get(id) ?? 0) + 1);
      count++;
    }
    documents.push(count);
  }
  return { documents, repeated: [...times].filter(([, n]) => n > 1).map(([id]) => id) };
}
