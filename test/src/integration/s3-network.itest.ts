/** The S3 store behind a connection that breaks: nothing is lost, doubled or waited for forever. */

import { hasCode, WaybillError } from '@waybill/shared/base/errors';
import { retry } from '@waybill/shared/base/retry';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { openS3 } from '@waybill/shared/bucket/s3/open-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWithStores } from '../support/stores/available.ts';
import { FaultProxy } from '../support/stores/fault-proxy.ts';
import { code, MIB, megabytes, open, uploadsIn } from '../support/stores/s3-bucket.ts';
import { type S3Server, startS3Server } from '../support/stores/s3-server.ts';

await describeWithStores('S3 through a bad network', ['s3'], () => {
  let server: S3Server;
  let proxy: FaultProxy;
  beforeAll(async () => {
    server = await startS3Server();
    proxy = await FaultProxy.start({
      upstream: server.endpoint,
      protocol: 's3',
      seed: 7,
      silenceMs: 20,
      latencyMs: 5,
    });
  });
  afterAll(async () => {
    await proxy.close();
    await server.stop();
  });

  test('a put whose answer is lost has succeeded, also where the SDK met its own object', async () => {
    const { bucket } = await open(server, { endpoint: proxy.endpoint });
    await bucket.head('k');
    for (let i = 0; i < 20; i++) {
      proxy.set({ 'lost-answer': 0.5 });
      await bucket.put(`k${i}`, Buffer.from('mine'), { ifAbsent: true });
    }
    proxy.set({});
    expect(proxy.counts['lost-answer']).toBeGreaterThan(5);
    await expect(bucket.put('k0', Buffer.from('mine'), { ifAbsent: true })).rejects.toSatisfy(
      code('BUCKET_OBJECT_EXISTS'),
    );
    await bucket.close();
  });

  test('a body that breaks off is read on, whole and once', async () => {
    const { bucket } = await open(server, { endpoint: proxy.endpoint });
    const body = Buffer.concat(await Array.fromAsync(megabytes(4)));
    await bucket.put('k', body);
    proxy.set({ 'reset-in-answer': 0.3, truncated: 0.3 });
    for (let i = 0; i < 10; i++) {
      expect((await bucket.get('k')).equals(body)).toBe(true);
      const range = { offset: 1000 + i, length: 2 * MIB };
      expect((await bucket.get('k', { range })).equals(body.subarray(1000 + i, 1000 + i + 2 * MIB))).toBe(
        true,
      );
      expect(Buffer.concat(await Array.fromAsync(bucket.stream('k'))).equals(body)).toBe(true);
    }
    proxy.set({});
    await bucket.close();
  });

  test('a multipart upload comes through whole', { timeout: 120_000 }, async () => {
    const { bucket, name } = await open(server, { endpoint: proxy.endpoint });
    const rates = { 'lost-answer': 0.05, 'reset-in-request': 0.1, 'error-500': 0.1, 'slow-down': 0.05 };
    for (let i = 0; i < 6; i++) {
      proxy.set(rates);
      await retry(() => bucket.put(`k${i}`, megabytes(20)));
      proxy.set({});
      const got = await bucket.get(`k${i}`);
      expect(got).toHaveLength(20 * MIB);
      for (let at = 0; at < 20; at++) expect(got[at * MIB + 5]).toBe(at);
    }
    // The beginning of one may have been lost on its way to us: nobody knows it by its id, and age
    // removes it.
    await bucket.removeUnfinished('', { olderThanMs: -60_000, isOurs: () => true });
    expect(await uploadsIn(server, name)).toBe(0);
    await bucket.close();
  });

  test('of two writers of a key never both win, and what is there is what the winner put', async () => {
    const { bucket, url, store } = await open(server, { endpoint: proxy.endpoint });
    const other = await openS3(url, { store });
    proxy.set({
      ...{ latency: 0.2, 'reset-before': 0.05, 'reset-in-request': 0.05, 'reset-in-answer': 0.03 },
      ...{ truncated: 0.03, 'lost-answer': 0.1, 'error-500': 0.05, 'slow-down': 0.01, 'too-many': 0.01 },
    });
    const attempt = async (by: Bucket, key: string, body: string): Promise<boolean | 'open'> => {
      try {
        await by.put(key, Buffer.from(body), { ifAbsent: true });
        return true;
      } catch (error) {
        if (hasCode(error, 'BUCKET_UNAVAILABLE')) return 'open';
        if (hasCode(error, 'BUCKET_OBJECT_EXISTS')) return false;
        throw error;
      }
    };
    const round = async (key: string): Promise<void> => {
      const won = await Promise.all([attempt(bucket, key, 'a'), attempt(other, key, 'b')]);
      const kept = await retry(() => bucket.get(key)).then(String, () => undefined);
      expect(won, key).not.toEqual([true, true]);
      // Both can't lose: whoever was refused was refused because the other had won.
      expect(won, key).not.toEqual([false, false]);
      if (won[0] === true || won[1] === false) expect(kept).toBe('a');
      if (won[1] === true || won[0] === false) expect(kept).toBe('b');
    };
    for (let i = 0; i < 10; i++) {
      await Promise.all(Array.from({ length: 20 }, (_, j) => round(`log/${i}-${j}`)));
    }
    proxy.set({});
    await bucket.close();
    await other.close();
  });

  test('a listing comes through whole', async () => {
    const { bucket } = await open(server, { endpoint: proxy.endpoint });
    const names = Array.from({ length: 60 }, (_, i) => `k${String(i).padStart(3, '0')}`);
    await Promise.all(names.map((name) => bucket.put(name, Buffer.from(name))));
    proxy.set({ 'reset-in-answer': 0.2, truncated: 0.3, 'error-500': 0.1 });
    for (let i = 0; i < 10; i++) {
      const listed = await retry(() => Array.fromAsync(bucket.list(''), ({ key }) => key));
      expect(listed).toEqual(names);
    }
    proxy.set({});
    await bucket.close();
  });

  test('a store that says nothing is given up after the time limit, and the wait ends on an abort', async () => {
    const silent = await FaultProxy.start({
      ...{ upstream: server.endpoint, protocol: 's3', seed: 1, silenceMs: 60_000 },
    });
    const { bucket } = await open(server, { endpoint: silent.endpoint, timeoutMs: 300 });
    silent.set({ 'lost-answer': 1 });
    const begun = performance.now();
    await expect(bucket.get('k')).rejects.toSatisfy(code('BUCKET_UNAVAILABLE'));
    expect(performance.now() - begun).toBeLessThan(15_000);
    const reason = new WaybillError('INTERRUPTED', 'enough');
    const controller = new AbortController();
    setTimeout(() => controller.abort(reason), 100);
    const waited = performance.now();
    await expect(bucket.put('k', Buffer.from('x'), { signal: controller.signal })).rejects.toBe(reason);
    expect(performance.now() - waited).toBeLessThan(1000);
    await bucket.close();
    await silent.close();
  });
});
