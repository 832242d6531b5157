import { afterEach, beforeEach } from 'vitest';
import { type TemporaryBucket, temporaryBucket } from './bucket.ts';
import { type TestClient, testClient } from './raw.ts';
import { type LoadRun, load, type RunLoadOptions } from './run-load.ts';
import { uniqueName } from './servers.ts';

export interface FreshLoad {
  readonly bucket: TemporaryBucket;
  /** Of the target. */
  readonly client: TestClient;
  /** On the target, which nobody else uses; dropped after the test. */
  readonly database: string;
}

/**
 * Before each test of the suite an empty bucket, a database, and a target without progress; gives them to `begin`. What it returns loads the
 * bucket into the target, in this process, until caught up unless told otherwise.
 */
export function freshLoad(
  targetUri: () => string,
  stem: string,
  begin: (fresh: FreshLoad) => void | Promise<void>,
): (options?: Partial<RunLoadOptions>) => Promise<LoadRun> {
  let fresh: FreshLoad | undefined;
  beforeEach(async () => {
    const client = await testClient(targetUri());
    await client.client.db('waybill').dropDatabase();
    fresh = { bucket: await temporaryBucket(), client, database: uniqueName(stem) };
    await begin(fresh);
  });
  afterEach(async () => {
    if (!fresh) return;
    const { bucket, client, database } = fresh;
    await client.client.db(database).dropDatabase();
    await client[Symbol.asyncDispose]();
    await bucket[Symbol.asyncDispose]();
    fresh = undefined;
  });
  return async (options = {}) => {
    if (!fresh) throw new Error('A load runs in tests, not while tests are collected');
    return load({ bucketUrl: fresh.bucket.url, targetUri: targetUri(), until: 'caught-up', ...options });
  };
}
