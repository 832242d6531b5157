import { it } from 'vitest';
import { temporaryBucket } from './bucket.ts';
import { testClient } from './raw.ts';
import { load, type RunLoadOptions } from './run-load.ts';
import { uniqueName } from './servers.ts';
import { StreamBuilder } from './stream-builder.ts';

/**
 * `it`, whose tests may ask for an empty `bucket`, a `client` of a target without progress, a
 * `database` there that nobody else uses and that is dropped after the test, the name of its
 * `orders`, and an empty `stream` in the bucket. `run` loads the bucket into the target, in this
 * process, until caught up unless told otherwise.
 */
export function itLoads(targetUri: () => string, stem: string) {
  return it
    .extend('bucket', async ({ task: _ }, { onCleanup }) => {
      const bucket = await temporaryBucket();
      onCleanup(() => bucket[Symbol.asyncDispose]());
      return bucket;
    })
    .extend('client', async ({ task: _ }, { onCleanup }) => {
      const client = await testClient(targetUri());
      onCleanup(() => client[Symbol.asyncDispose]());
      await client.client.db('waybill').dropDatabase();
      return client;
    })
    .extend('database', async ({ client }, { onCleanup }) => {
      const database = uniqueName(stem);
      onCleanup(async () => {
        await client.client.db(database).dropDatabase();
      });
      return database;
    })
    .extend('orders', ({ database }) => `${database}.orders`)
    .extend('stream', ({ bucket }) => StreamBuilder.create(bucket.url))
    .extend(
      'run',
      ({ bucket, client: _ }) =>
        (options: Partial<RunLoadOptions> = {}) =>
          load({ bucketUrl: bucket.url, targetUri: targetUri(), until: 'caught-up', ...options }),
    );
}
