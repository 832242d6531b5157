/** The S3 store against real servers: the contract, what compatible stores lack, and what a network does. */
import { randomUUID } from 'node:crypto';
import {
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { describeBucketContract } from '@waybill/shared/bucket/contract';
import { openBucket } from '@waybill/shared/bucket/open-bucket';
import { probeBucket } from '@waybill/shared/bucket/probe';
import { AWS, type Dialect, OTHER } from '@waybill/shared/bucket/s3/dialect';
import { openS3 } from '@waybill/shared/bucket/s3/open-s3';
import type { StoreOptions } from '@waybill/shared/bucket/store-options';
import { type ErrorCode, hasCode, WaybillError } from '@waybill/shared/errors';
import { retry } from '@waybill/shared/retry';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeWithStores } from '../support/stores/available.ts';
import { FaultProxy } from '../support/stores/fault-proxy.ts';
import { type S3Server, startS3Server } from '../support/stores/s3-server.ts';
import { startTlsFront } from '../support/stores/tls-front.ts';
import { COS, OSS, startVendorProxy, type Vendor, type VendorProxy } from '../support/stores/vendor-proxy.ts';

const MIB = 2 ** 20;
/** Two parts on their way, one held back, one being filled, and one that each connection remembers. */
const HELD_BYTES = 56 * MIB;

const code = (expected: ErrorCode) => (error: unknown) => hasCode(error, expected);

interface Opened {
  readonly bucket: Bucket;
  readonly name: string;
  readonly url: string;
  readonly store: StoreOptions;
}

async function open(server: S3Server, over: StoreOptions = {}, dialect?: Dialect): Promise<Opened> {
  Object.assign(process.env, server.env);
  const store = { endpoint: server.endpoint, region: server.region, ...over };
  const name = await server.createBucket();
  const url = `s3://${name}/some/prefix`;
  return { bucket: await openS3(url, { store }, dialect), name, url, store };
}

async function uploadsIn(server: S3Server, name: string): Promise<number> {
  const { Uploads } = await server.client.send(new ListMultipartUploadsCommand({ Bucket: name }));
  return Uploads?.length ?? 0;
}

async function* megabytes(count: number, from = 0): AsyncGenerator<Buffer> {
  for (let i = 0; i < count; i++) yield Buffer.alloc(MIB, from + i);
}

await describeWithStores('S3', ['s3', 's3-without-conditions'], () => {
  let server: S3Server;
  let old: S3Server;
  beforeAll(async () => {
    server = await startS3Server();
    old = await startS3Server({ conditions: false });
  });
  afterAll(async () => {
    await server.stop();
    await old.stop();
  });

  for (const [name, dialect] of [
    ['S3, checksums as AWS has them', AWS],
    ['S3, checksums that all have', OTHER],
  ] as const) {
    describeBucketContract(name, async () => {
      const opened = await open(server, {}, dialect);
      return { ...opened, heldBytes: HELD_BYTES, remove: async () => undefined };
    });
  }

  describe.each([
    ['OSS', OSS],
    ['COS', COS],
  ] as [string, Vendor][])('a store such as %s', (name, vendor) => {
    let proxy: VendorProxy;
    beforeAll(async () => {
      proxy = await startVendorProxy(vendor, server);
    });
    afterAll(() => proxy[Symbol.asyncDispose]());

    describeBucketContract(name, async () => {
      const opened = await open(server, { endpoint: proxy.endpoint });
      // The proxy holds whole bodies, in this process.
      return { ...opened, heldBytes: 2 * HELD_BYTES, remove: async () => undefined };
    });

    test('passes the probe by its own header', async () => {
      const { bucket } = await open(server, { endpoint: proxy.endpoint });
      expect(await probeBucket(bucket)).toEqual({ unfenced: undefined });
      await bucket.close();
    });
  });

  describe('the probe', () => {
    test('lets a store pass that has everything, and leaves nothing there', async () => {
      const { bucket } = await open(server);
      expect(await probeBucket(bucket)).toEqual({ unfenced: undefined });
      for await (const { key } of bucket.list('')) expect.unreachable(key);
      await bucket.close();
    });

    test('refuses a MinIO that has no put-if-absent, and says so', async () => {
      const { bucket } = await open(old);
      await expect(probeBucket(bucket)).rejects.toSatisfy(
        (error) => hasCode(error, 'BUCKET_FEATURE_MISSING') && error.message.includes('put-if-absent'),
      );
      expect(bucket.unfenced).toBeUndefined();
      await bucket.close();
    });

    test('lets it pass by the word of the operator; puts-if-absent then look first', async () => {
      const { bucket } = await open(old);
      const { unfenced } = await probeBucket(bucket, { unsafeSingleWriter: true });
      expect(unfenced).toContain('put-if-absent');
      await bucket.put('k', Buffer.from('one'), { ifAbsent: true });
      await expect(bucket.put('k', Buffer.from('two'), { ifAbsent: true })).rejects.toSatisfy(
        code('BUCKET_OBJECT_EXISTS'),
      );
      expect((await bucket.get('k')).toString()).toBe('one');
      await bucket.close();
    });
  });

  describe('multipart uploads', () => {
    test('of one writer in many wins, and no upload stays behind', async () => {
      const { bucket, name } = await open(server);
      const puts = Array.from({ length: 5 }, (_, i) =>
        bucket.put('big', megabytes(9, i * 10), { ifAbsent: true }),
      );
      const ends = await Promise.allSettled(puts);
      const winners = ends.flatMap((end, i) => (end.status === 'fulfilled' ? [i] : []));
      expect(winners).toHaveLength(1);
      const kept = await bucket.get('big');
      expect(kept).toHaveLength(9 * MIB);
      expect(kept[0]).toBe((winners[0] ?? -1) * 10);
      expect(await uploadsIn(server, name)).toBe(0);
      await bucket.close();
    });

    test('that fail or are aborted leave no parts', async () => {
      const { bucket, name } = await open(server);
      const failure = new Error('the body failed');
      async function* failing(): AsyncGenerator<Buffer> {
        yield* megabytes(20);
        throw failure;
      }
      await expect(bucket.put('k', failing())).rejects.toBe(failure);
      expect(await uploadsIn(server, name)).toBe(0);
      const controller = new AbortController();
      const reason = new WaybillError('INTERRUPTED', 'enough');
      async function* hanging(): AsyncGenerator<Buffer> {
        yield* megabytes(20);
        controller.abort(reason);
        await new Promise(() => undefined);
      }
      await expect(bucket.put('k', hanging(), { signal: controller.signal })).rejects.toBe(reason);
      expect(await uploadsIn(server, name)).toBe(0);
      expect(await bucket.head('k')).toBeNull();
      await bucket.close();
    });

    test('that a crash has left are removed by age, below the prefix, and no others', async () => {
      const { bucket, name } = await open(server);
      for (const Key of ['some/prefix/s/segments/1', 'some/prefix/s/segments/2', 'some/prefix/other/1']) {
        const { UploadId } = await server.client.send(
          new CreateMultipartUploadCommand({ Bucket: name, Key }),
        );
        await server.client.send(
          new UploadPartCommand({ Bucket: name, Key, UploadId, PartNumber: 1, Body: Buffer.alloc(9) }),
        );
      }
      expect(await bucket.removeUnfinished('s/', { olderThanMs: 3_600_000 })).toBe(0);
      expect(await uploadsIn(server, name)).toBe(3);
      expect(await bucket.removeUnfinished('s/', { olderThanMs: -60_000 })).toBe(2);
      expect(await uploadsIn(server, name)).toBe(1);
      await bucket.close();
    });
  });

  test('the storage class is for what is large enough for it', async () => {
    const { bucket, name } = await open(old, { storageClass: 'REDUCED_REDUNDANCY' });
    const classOf = async (key: string): Promise<string | undefined> => {
      const at = { Bucket: name, Key: `some/prefix/${key}` };
      return (await old.client.send(new HeadObjectCommand(at))).StorageClass;
    };
    await bucket.put('small', Buffer.alloc(1000));
    await bucket.put('large', Buffer.alloc(200_000));
    await bucket.put('huge', megabytes(9));
    expect(await classOf('small')).toBeUndefined();
    expect(await classOf('large')).toBe('REDUCED_REDUNDANCY');
    expect(await classOf('huge')).toBe('REDUCED_REDUNDANCY');
    await bucket.close();
  });

  test('a key for encryption goes with each put: a store that has no keys refuses it', async () => {
    const { bucket } = await open(old, { kmsKey: 'a-key' });
    for (const body of [Buffer.from('x'), megabytes(9)]) {
      await expect(bucket.put('k', body)).rejects.toSatisfy(
        (error) => error instanceof WaybillError && /KMS|NotImplemented/.test(String(error.context.error)),
      );
    }
    expect(await bucket.head('k')).toBeNull();
    await bucket.close();
  });

  test('a private authority is trusted by its file, and only by it', async () => {
    const tls = await startTlsFront(server.port);
    const { bucket, url, store } = await open(server, { endpoint: tls.endpoint });
    await expect(bucket.get('k')).rejects.toSatisfy(
      (error) => hasCode(error, 'BUCKET_UNAVAILABLE') && error.hint?.includes('--bucket-ca-file') === true,
    );
    const trusting = await openBucket(url, { store: { ...store, caFile: tls.authority } });
    // Large enough for the SDK to make other connections than for small ones.
    await trusting.put('k', Buffer.alloc(4 * MIB, 1), { ifAbsent: true });
    await trusting.put('l', megabytes(20));
    expect(await trusting.head('l')).toMatchObject({ bytes: 20 * MIB });
    for (const opened of [bucket, trusting]) await opened.close();
    await tls[Symbol.asyncDispose]();
  });

  describe('what is wrong with the options or rights is said', () => {
    const hint = async (work: Promise<unknown>, expected: ErrorCode, words: RegExp): Promise<void> => {
      const error = await work.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toSatisfy(code(expected));
      const { message, hint } = error as WaybillError;
      expect(`${message} ${hint}`).toMatch(words);
      const all = JSON.stringify([
        error,
        (error as Error).message,
        (error as Error).stack,
        (error as Error).cause,
      ]);
      for (const secret of [server.accessKeyId, server.secretAccessKey, 'another-secret']) {
        expect(all).not.toContain(secret);
      }
    };

    test('no such bucket, by every call', async () => {
      const { store } = await open(server);
      const bucket = await openBucket(`s3://no-such-bucket-${randomUUID().slice(0, 8)}/p`, { store });
      await hint(bucket.get('k'), 'BUCKET_MISSING', /--bucket/);
      await hint(bucket.head('k'), 'BUCKET_MISSING', /--bucket/);
      await hint(bucket.put('k', Buffer.from('x')), 'BUCKET_MISSING', /--bucket/);
      await hint(bucket.delete('k'), 'BUCKET_MISSING', /--bucket/);
      await hint(Array.fromAsync(bucket.list('')), 'BUCKET_MISSING', /--bucket/);
      await bucket.close();
    });

    test('wrong credentials', async () => {
      for (const [at, id, words] of [
        [old, 'NOSUCHKEY', /access key is not known/],
        [server, server.accessKeyId, /secret/],
      ] as const) {
        const { url, store } = await open(at);
        const secret = 'another-secret';
        Object.assign(process.env, { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret });
        const bucket = await openBucket(url, { store });
        await hint(bucket.get('k'), 'BUCKET_ACCESS_DENIED', words);
        await hint(bucket.put('k', Buffer.from('x'), { ifAbsent: true }), 'BUCKET_ACCESS_DENIED', /./);
        await bucket.close();
      }
      Object.assign(process.env, server.env);
    });

    test('no region at all is the one that others than AWS take', async () => {
      const { url } = await open(server);
      delete process.env.AWS_REGION;
      const bucket = await openBucket(url, { store: { endpoint: server.endpoint } });
      await bucket.put('k', Buffer.from('x'));
      expect((await bucket.get('k')).toString()).toBe('x');
      await bucket.close();
      Object.assign(process.env, server.env);
    });

    test('another region than the server’s is refused', async () => {
      const { url, store } = await open(server);
      const bucket = await openBucket(url, { store: { ...store, region: 'eu-west-3' } });
      await hint(bucket.get('k'), 'BUCKET_ACCESS_DENIED', /./);
      await bucket.close();
    });

    test('no credentials', async () => {
      const { url, store } = await open(server);
      delete process.env.AWS_ACCESS_KEY_ID;
      const bucket = await openBucket(url, { store });
      await hint(bucket.get('k'), 'BUCKET_ACCESS_DENIED', /AWS_ACCESS_KEY_ID/);
      await bucket.close();
      Object.assign(process.env, server.env);
    });

    test('nobody listens, nobody of that name, no TLS there', async () => {
      const { url, store } = await open(server);
      for (const [endpoint, transient] of [
        ['http://127.0.0.1:1', true],
        ['http://no-such-host.invalid', true],
        [server.endpoint.replace('http:', 'https:'), false],
      ] as const) {
        const bucket = await openBucket(url, { store: { ...store, endpoint } });
        await hint(bucket.get('k'), 'BUCKET_UNAVAILABLE', /--bucket-endpoint/);
        const kind = await bucket.head('k').catch((error: WaybillError) => error.kind);
        expect(kind, endpoint).toBe(transient ? 'transient' : 'failed');
        await bucket.close();
      }
    });
  });

  describe('through a bad network', () => {
    let proxy: FaultProxy;
    beforeAll(async () => {
      proxy = await FaultProxy.start({
        upstream: server.endpoint,
        protocol: 's3',
        seed: 7,
        silenceMs: 20,
        latencyMs: 5,
      });
    });
    afterAll(() => proxy.close());

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
      // The beginning of one may have been lost on its way to us: nobody knows it by its id, and age removes it.
      await bucket.removeUnfinished('', { olderThanMs: -60_000 });
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
        // Both lost cannot be: whoever was refused was refused by the other.
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
});
