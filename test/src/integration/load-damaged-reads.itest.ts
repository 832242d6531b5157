/**
 * Segments that are whole in the bucket but arrive damaged: a load goes on after one such read, and
 * stops after two, with nothing applied.
 */

import { runLoad } from '@waybill/load/load';
import type { LoadResult } from '@waybill/load/run/load-deps';
import { resolveLoadSettings } from '@waybill/load/settings/load-settings';
import { silentLogger } from '@waybill/shared/base/logger';
import { createMetrics } from '@waybill/shared/base/metrics';
import { createLoadStats, type LoadStats } from '@waybill/shared/base/stats';
import { buildDocument, int32 } from '@waybill/shared/bson/build';
import type { Bucket, GetOptions } from '@waybill/shared/bucket/bucket';
import { expect, it } from 'vitest';
import { FaultyBucket } from '../support/bucket/faulty-bucket.ts';
import { temporaryBucket } from '../support/bucket.ts';
import { type TestClient, testClient } from '../support/raw.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import { put, StreamBuilder } from '../support/stream-builder.ts';
import { connectTarget } from '../support/target/connect-target.ts';

const SNAPSHOT = '/segments/snapshot/';
const CHANGES = '/segments/changes/';

/** This many reads of each object whose key contains the word flip one bit. */
class DamagingBucket extends FaultyBucket {
  readonly #word: string;
  readonly #times: number;
  readonly #reads = new Map<string, number>();

  constructor(inner: Bucket, word: string, times: number) {
    super(inner, () => undefined);
    this.#word = word;
    this.#times = times;
  }

  override async get(key: string, options?: GetOptions): Promise<Buffer> {
    const bytes = await super.get(key, options);
    const before = this.#reads.get(key) ?? 0;
    this.#reads.set(key, before + 1);
    if (before < this.#times && key.includes(this.#word)) bytes[bytes.length >> 1]! ^= 1;
    return bytes;
  }

  /** Of each object with the word. */
  get reads(): number[] {
    return [...this.#reads].filter(([key]) => key.includes(this.#word)).map(([, reads]) => reads);
  }
}

const order = (id: number, n = 0): Buffer =>
  buildDocument([
    ['_id', int32(id)],
    ['n', int32(n)],
  ]);

await describeWithServer('a load whose segments come damaged', (servers) => {
  async function loadInto(
    client: TestClient,
    bucket: Bucket,
    load: string,
  ): Promise<{ loading: Promise<LoadResult>; stats: LoadStats }> {
    await client.client.db('waybill').dropDatabase();
    const target = await connectTarget(servers.target.uri);
    const stats = createLoadStats();
    const signal = new AbortController().signal;
    const deps = { bucket, target, logger: silentLogger, metrics: createMetrics(), stats, signal };
    const loading = runLoad(resolveLoadSettings({ load, until: 'caught-up', pollMs: 20 }), deps);
    return { loading: loading.finally(() => target[Symbol.asyncDispose]()), stats };
  }

  it.each([
    ['of the snapshot', SNAPSHOT, 3, 0],
    ['of the changes', CHANGES, 2, 300],
  ])('(those %s)', async (_which, word, segments, untouched) => {
    await using folder = await temporaryBucket();
    await using client = await testClient(servers.target.uri);
    const database = uniqueName('damaged');
    const namespace = `${database}.orders`;
    const stream = await StreamBuilder.create(folder.url);
    const documents = Array.from({ length: 300 }, (_, id) => order(id));
    await stream.snapshot([{ namespace, documents, segmentDocuments: 100 }]);
    for (const from of [300, 310])
      await stream.changes(Array.from({ length: 10 }, (_, id) => put(namespace, order(from + id))));
    await stream.milestone('caught-up');
    const count = () => client.client.db(database).collection('orders').countDocuments();

    const twice = new DamagingBucket(stream.bucket, word, 2);
    const failing = await loadInto(client, twice, 'failing');
    await expect(failing.loading).rejects.toMatchObject({ code: 'SEGMENT_CORRUPT', exitCode: 1 });
    expect(await count()).toBe(untouched);
    expect(Math.max(...twice.reads)).toBe(2);

    await client.client.db(database).dropDatabase();
    const once = new DamagingBucket(stream.bucket, word, 1);
    const passing = await loadInto(client, once, 'passing');
    expect(await passing.loading).toMatchObject({ outcome: 'caught-up', sequence: 20 });
    expect(await count()).toBe(320);
    expect(once.reads).toEqual(Array(segments).fill(2));
    expect(passing.stats.retries).toBe(segments);
    await client.client.db(database).dropDatabase();
  });
});
