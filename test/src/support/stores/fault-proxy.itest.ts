/**
 * Tests the proxy itself: what a client that tries once sees of each fault, and what the store has
 * done by then.
 */
import {
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithStores } from './available.ts';
import { FaultProxy } from './fault-proxy.ts';
import { FAULTS, type Fault } from './faults.ts';
import { type GcsServer, startGcsServer } from './gcs-server.ts';
import { type S3Server, startS3Server } from './s3-server.ts';

const BODY = 'x'.repeat(300_000);

await describeWithStores('the fault proxy before S3', ['s3'], () => {
  let server: S3Server;
  let proxy: FaultProxy;
  let client: S3Client;
  let bucket: string;
  beforeAll(async () => {
    server = await startS3Server();
    bucket = await server.createBucket();
    proxy = await FaultProxy.start({ upstream: server.endpoint, protocol: 's3', seed: 1, silenceMs: 20 });
    const { region, accessKeyId, secretAccessKey } = server;
    const credentials = { accessKeyId, secretAccessKey };
    const { endpoint } = proxy;
    client = new S3Client({ endpoint, region, forcePathStyle: true, maxAttempts: 1, credentials });
  });
  afterAll(async () => {
    client.destroy();
    await proxy.close();
    await server.stop();
  });

  const put = (Key: string) => client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: BODY }));
  const get = async (Key: string, from = client) => {
    const { Body } = await from.send(new GetObjectCommand({ Bucket: bucket, Key }));
    return Body?.transformToString();
  };
  const isStored = (Key: string) =>
    server.client.send(new HeadObjectCommand({ Bucket: bucket, Key })).then(
      () => true,
      () => false,
    );
  const once = async <T>(fault: Fault, work: () => Promise<T>): Promise<T> => {
    const before = proxy.counts[fault];
    proxy.set({ [fault]: 1 });
    try {
      return await work();
    } finally {
      proxy.set({});
      expect(proxy.counts[fault]).toBeGreaterThan(before);
    }
  };

  it('changes nothing by itself, nor by being slow', async () => {
    await put('plain');
    expect(await get('plain')).toBe(BODY);
    expect(await once('latency', () => get('plain'))).toBe(BODY);
    expect(await get('plain', server.client)).toBe(BODY);
  });

  it.each(['reset-before', 'reset-in-request'] as const)('%s: the store has nothing', async (fault) => {
    await expect(once(fault, () => put(fault))).rejects.toMatchObject({ code: expect.any(String) });
    expect(await isStored(fault)).toBe(false);
  });

  it.each(['lost-answer', 'reset-in-answer', 'truncated'] as const)(
    '%s: the store has it, and the client does not know',
    async (fault) => {
      await expect(once(fault, () => put(fault))).rejects.toBeInstanceOf(Error);
      expect(await isStored(fault)).toBe(true);
      await expect(once(fault, () => get(fault))).rejects.toBeInstanceOf(Error);
      expect(await get(fault)).toBe(BODY);
    },
  );

  it.each([
    ['slow-down', 503, 'SlowDown'],
    ['too-many', 429, 'TooManyRequests'],
  ] as const)('%s: %d in the words of S3, and nothing done', async (fault, status, name) => {
    const refused = once(fault, () => put(fault));
    await expect(refused).rejects.toMatchObject({ name, $metadata: { httpStatusCode: status } });
    expect(await isStored(fault)).toBe(false);
  });

  it('error-500: done or not, the answer is the same', async () => {
    const stored = new Set<boolean>();
    for (let i = 0; stored.size < 2 && i < 50; i++) {
      const refused = once('error-500', () => put(`500-${i}`));
      await expect(refused).rejects.toMatchObject({ name: 'InternalError' });
      stored.add(await isStored(`500-${i}`));
    }
    expect(stored.size).toBe(2);
  });

  it('stale answers: a new object is missing for a while, from reads and from lists', async () => {
    const list = async () => {
      const page = await client.send(
        new ListObjectsV2Command({ Bucket: bucket, Prefix: 'stale', EncodingType: 'url' }),
      );
      return page.Contents?.map(({ Key }) => Key) ?? [];
    };
    const proxyIsLate = async (fault: 'stale-missing' | 'stale-list', Key: string) => {
      await put(Key);
      if (fault === 'stale-list')
        return expect(await once(fault, list)).not.toContain(encodeURIComponent(Key));
      await expect(once(fault, () => get(Key))).rejects.toMatchObject({ name: 'NoSuchKey' });
    };
    await proxyIsLate('stale-missing', 'stale one');
    await proxyIsLate('stale-list', 'stale two+é');
    expect(await list()).toHaveLength(2);
    expect(await get('stale one')).toBe(BODY);
  });

  it('has shown every fault by now', () => {
    expect(FAULTS.filter((fault) => proxy.counts[fault] === 0)).toEqual([]);
  });
});

await describeWithStores('the fault proxy before GCS', ['gcs'], () => {
  let server: GcsServer;
  let proxy: FaultProxy;
  let bucket: string;
  beforeAll(async () => {
    server = await startGcsServer();
    bucket = await server.createBucket();
    proxy = await FaultProxy.start({ upstream: server.endpoint, protocol: 'gcs', seed: 1, silenceMs: 20 });
  });
  afterAll(async () => {
    await proxy.close();
    await server.stop();
  });

  const begin = async (name: string): Promise<string> => {
    const url = `${proxy.endpoint}/upload/storage/v1/b/${bucket}/o?uploadType=resumable&name=${name}`;
    const headers = { 'content-type': 'application/json' };
    const begun = await fetch(url, { method: 'POST', headers, body: '{}' });
    await begun.arrayBuffer();
    return begun.headers.get('location') ?? '';
  };
  const send = async (location: string, range: string, body = ''): Promise<Response> => {
    const response = await fetch(location, { method: 'PUT', headers: { 'content-range': range }, body });
    await response.arrayBuffer();
    return response;
  };
  const content = async (name: string): Promise<Response> =>
    fetch(`${server.endpoint}/storage/v1/b/${bucket}/o/${name}?alt=media`);

  it('keeps what a resumable upload of GCS promises: queries and repeated chunks do no harm', async () => {
    const location = await begin('resumed');
    expect(new URL(location).origin).toBe(proxy.endpoint);
    expect((await send(location, 'bytes */*')).headers.get('range')).toBeNull();
    expect((await send(location, 'bytes 0-3/*', 'abcd')).status).toBe(308);
    const query = await send(location, 'bytes */*');
    expect([query.status, query.headers.get('range')]).toEqual([308, 'bytes=0-3']);
    expect((await send(location, 'bytes 0-3/*', 'abcd')).headers.get('range')).toBe('bytes=0-3');
    expect((await content('resumed')).status).toBe(404);
    proxy.set({ 'lost-answer': 1 });
    await expect(send(location, 'bytes 4-6/7', 'efg')).rejects.toThrow();
    proxy.set({});
    expect((await send(location, 'bytes */7')).status).toBe(200);
    expect((await send(location, 'bytes 4-6/7', 'efg')).status).toBe(200);
    expect(await (await content('resumed')).text()).toBe('abcdefg');
  });

  it('speaks the language of the JSON API', async () => {
    const location = await begin('known');
    await send(location, 'bytes 0-3/4', 'abcd');
    const url = `${proxy.endpoint}/storage/v1/b/${bucket}/o`;
    const ask = async (fault: Fault, path: string) => {
      proxy.set({ [fault]: 1 });
      const response = await fetch(`${url}${path}`);
      proxy.set({});
      return { status: response.status, body: await response.json() };
    };
    const reason = (status: number, text: string) => ({
      status,
      body: { error: { code: status, errors: [{ reason: text }] } },
    });
    expect(await ask('stale-missing', '/known')).toMatchObject(reason(404, 'notFound'));
    expect(await ask('stale-list', '?prefix=known')).toMatchObject({ status: 200, body: { items: [] } });
    expect(await ask('slow-down', '/known')).toMatchObject(reason(503, 'backendError'));
    expect(await ask('too-many', '/known')).toMatchObject(reason(429, 'rateLimitExceeded'));
    expect(await ask('error-500', '/known')).toMatchObject(reason(500, 'internalError'));
    expect(await ask('latency', '/known')).toMatchObject({ status: 200, body: { size: '4' } });
  });
});
