/**
 * The store for Google Cloud Storage against fake-gcs-server. What that server does otherwise than
 * Google's, so what is not tested here: it asks for no credentials and refuses nobody (no 401 and
 * 403), has no requester-pays buckets, keys or storage classes, and overwrites without the limit of
 * one a second. Of a resumable upload it looks at no checksum, so ours after the upload is what is
 * tested; and it takes a question for the upload's state for its end, which the fault proxy puts
 * right.
 */
import { createHash } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { ErrorCode } from '@waybill/shared/base/error-codes';
import { hasCode, WaybillError } from '@waybill/shared/base/errors';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import type { StoreOptions } from '@waybill/shared/bucket/store-options';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { awaitUntil } from '../support/await-until.ts';
import { describeBucketContract } from '../support/bucket/contract.ts';
import { describeWithStores } from '../support/stores/available.ts';
import { FaultProxy } from '../support/stores/fault-proxy.ts';
import { type GcsServer, startGcsServer } from '../support/stores/gcs-server.ts';

const MIB = 1024 * 1024;
/** Two chunks, and what the connection and the pieces on their way hold. */
const HELD_BYTES = 24 * MIB;
const collectGarbage = (() => {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
})();

await describeWithStores('Google Cloud Storage', ['gcs'], () => {
  let server: GcsServer;
  beforeAll(async () => {
    server = await startGcsServer();
  });
  afterAll(() => server?.stop());

  const newUrl = async (): Promise<string> => `gs://${await server.createBucket()}/acme/waybill`;
  const openAt = (endpoint: string, url: string, store: StoreOptions = {}): Promise<Bucket> =>
    openBucket(url, { store: { ...store, endpoint } });
  const startProxy = (): Promise<FaultProxy> =>
    FaultProxy.start({ upstream: server.endpoint, protocol: 'gcs', seed: 7 });

  describeBucketContract('Google Cloud Storage', async () => {
    const url = await newUrl();
    const store = { endpoint: server.endpoint };
    return {
      url,
      store,
      bucket: await openBucket(url, { store }),
      heldBytes: HELD_BYTES,
      remove: async () => undefined,
    };
  });

  describe('bodies of any length', () => {
    test('in chunks, to the byte, around the length of a chunk', async () => {
      const bucket = await openAt(server.endpoint, await newUrl());
      for (const bytes of [8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 16 * MIB, 17 * MIB]) {
        const body = Buffer.alloc(bytes, 'waybill');
        await bucket.put(`stream-${bytes}`, pieces(body), { ifAbsent: true });
        expect(body.equals(await bucket.get(`stream-${bytes}`)), `${bytes} streamed`).toBe(true);
        await bucket.put(`whole-${bytes}`, body, { ifAbsent: true });
        expect(body.equals(await bucket.get(`whole-${bytes}`)), `${bytes} at once`).toBe(true);
        await expect(bucket.put(`stream-${bytes}`, pieces(body), { ifAbsent: true })).rejects.toSatisfy(
          code('BUCKET_OBJECT_EXISTS'),
        );
      }
      await bucket.close();
    });

    test('200 MB go out and in through a bounded memory', async () => {
      const bucket = await openAt(server.endpoint, await newUrl());
      const sent = createHash('sha256');
      const base = heldNow();
      let held = 0;
      async function* body(): AsyncGenerator<Buffer> {
        for (let i = 0; i < 200; i++) {
          const piece = Buffer.alloc(MIB, i);
          sent.update(piece);
          if (i % 10 === 9) held = Math.max(held, heldNow() - base);
          yield piece;
        }
      }
      await bucket.put('large', body());
      const received = createHash('sha256');
      let count = 0;
      for await (const piece of bucket.stream('large')) {
        received.update(piece);
        if (count++ % 400 === 399) held = Math.max(held, heldNow() - base);
      }
      expect(received.digest('hex')).toBe(sent.digest('hex'));
      expect(held).toBeGreaterThan(0);
      expect(held).toBeLessThan(HELD_BYTES);
      await bucket.close();
    });

    test('an abort between two chunks ends the put at once and leaves no object', async () => {
      const bucket = await openAt(server.endpoint, await newUrl());
      const controller = new AbortController();
      const reason = new WaybillError('INTERRUPTED', 'enough');
      async function* body(): AsyncGenerator<Buffer> {
        for (let i = 0; ; i++) {
          if (i === 20) controller.abort(reason);
          yield Buffer.alloc(MIB);
        }
      }
      await expect(bucket.put('k', body(), { signal: controller.signal })).rejects.toBe(reason);
      expect(await bucket.head('k')).toBeNull();
      expect(await keysOf(bucket)).toEqual([]);
      await bucket.close();
    });
  });

  describe('whose object it is after an answer was lost', () => {
    /** The first request's answer never comes, the others do. */
    const loseOne = async (proxy: FaultProxy, work: () => Promise<unknown>): Promise<unknown> => {
      proxy.set({ 'lost-answer': 1 });
      const working = work();
      working.catch(() => undefined);
      await awaitUntil('an answer is lost', () => proxy.counts['lost-answer'] > 0, { everyMs: 1 });
      proxy.set({});
      return working;
    };

    test('ours: the put succeeds, with one object', async () => {
      await using proxy = await startProxy();
      const bucket = await openAt(proxy.endpoint, await newUrl());
      await loseOne(proxy, () => bucket.put('k', Buffer.from('mine'), { ifAbsent: true }));
      expect((await bucket.get('k')).toString()).toBe('mine');
      await bucket.close();
    });

    test('of somebody who wrote the very same bytes: the put fails', async () => {
      await using proxy = await startProxy();
      const url = await newUrl();
      const bucket = await openAt(proxy.endpoint, url);
      const other = await openAt(server.endpoint, url);
      await other.put('k', Buffer.from('same'), { ifAbsent: true });
      await expect(
        loseOne(proxy, () => bucket.put('k', Buffer.from('same'), { ifAbsent: true })),
      ).rejects.toSatisfy(code('BUCKET_OBJECT_EXISTS'));
      await Promise.all([bucket.close(), other.close()]);
    });

    test('ours, though no answer ever came to any attempt', async () => {
      await using proxy = await startProxy();
      const bucket = await openAt(proxy.endpoint, await newUrl());
      proxy.set({ 'lost-answer': 1 });
      const put = bucket.put('k', Buffer.from('mine'), { ifAbsent: true });
      put.catch(() => undefined);
      await awaitUntil('all attempts are made', () => proxy.counts['lost-answer'] >= 5, { everyMs: 1 });
      proxy.set({});
      await put;
      expect((await bucket.get('k')).toString()).toBe('mine');
      await bucket.close();
    });

    test('of the last chunk of an upload', async () => {
      await using proxy = await startProxy();
      const bucket = await openAt(proxy.endpoint, await newUrl());
      const body = Buffer.alloc(17 * MIB, 'waybill');
      const put = bucket.put('k', pieces(body), { ifAbsent: true });
      put.catch(() => undefined);
      // The upload is begun, the first chunk is there and the second on its way: what is left is
      // the last.
      await awaitUntil('the third request', () => proxy.requests === 3, { everyMs: 1 });
      proxy.set({ 'lost-answer': 1 });
      await awaitUntil('an answer is lost', () => proxy.counts['lost-answer'] > 0, { everyMs: 1 });
      proxy.set({});
      await put;
      expect(body.equals(await bucket.get('k'))).toBe(true);
      await bucket.close();
    });
  });

  describe('a connection that breaks', () => {
    test('an upload goes on where the store has it to', async () => {
      await using proxy = await startProxy();
      const bucket = await openAt(proxy.endpoint, await newUrl());
      const body = Buffer.alloc(30 * MIB, 'waybill');
      proxy.set({ 'reset-in-request': 0.25, 'lost-answer': 0.1 });
      await bucket.put('k', pieces(body));
      proxy.set({});
      expect(proxy.counts['reset-in-request'] + proxy.counts['lost-answer']).toBeGreaterThan(0);
      expect(body.equals(await bucket.get('k'))).toBe(true);
      await bucket.close();
    });

    test('a read goes on where it broke off, and a part is never taken for the whole', async () => {
      await using proxy = await startProxy();
      const bucket = await openAt(proxy.endpoint, await newUrl());
      const body = Buffer.from(Array.from({ length: MIB }, (_, i) => (i * 7919) & 255));
      await bucket.put('k', body);
      proxy.set({ 'reset-in-answer': 0.2, truncated: 0.3 });
      for (let i = 0; i < 20; i++) {
        expect(body.equals(await persist(() => bucket.get('k')))).toBe(true);
        const range = { offset: i * 1000, length: 500_000 };
        const part = await persist(() => bucket.get('k', { range }));
        expect(part.equals(body.subarray(range.offset, range.offset + range.length))).toBe(true);
      }
      expect(proxy.counts['reset-in-answer']).toBeGreaterThan(5);
      expect(proxy.counts.truncated).toBeGreaterThan(5);
      await bucket.close();
    });

    test('a store that is asked too much is asked again', async () => {
      await using proxy = await startProxy();
      const bucket = await openAt(proxy.endpoint, await newUrl());
      proxy.set({ 'slow-down': 0.1, 'too-many': 0.1 });
      const keys = Array.from({ length: 20 }, (_, i) => `k${String(i).padStart(2, '0')}`);
      for (const key of keys) await persist(() => bucket.put(key, Buffer.from(key)));
      proxy.set({});
      expect(proxy.counts['slow-down'] + proxy.counts['too-many']).toBeGreaterThan(0);
      expect(await keysOf(bucket)).toEqual(keys);
      await bucket.close();
    });
  });
});

const code = (expected: ErrorCode) => (error: unknown) => hasCode(error, expected);

async function* pieces(body: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < body.length; at += 700_001) yield body.subarray(at, at + 700_001);
}

async function keysOf(bucket: Bucket): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of bucket.list('')) keys.push(key);
  return keys;
}

/** Bytes of buffers that something still refers to. */
function heldNow(): number {
  collectGarbage();
  // Buffers are swept beside the program; a second collection waits for the first one's sweep.
  collectGarbage();
  return process.memoryUsage().arrayBuffers;
}

/** As the callers of a bucket do: a transient failure is no end. */
async function persist<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!hasCode(error, 'BUCKET_UNAVAILABLE')) throw error;
    }
  }
}
