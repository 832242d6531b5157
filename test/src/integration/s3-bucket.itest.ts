/** The S3 store against real servers: the contract, and what compatible stores lack. */
import { CreateMultipartUploadCommand, HeadObjectCommand, UploadPartCommand } from '@aws-sdk/client-s3';
import { hasCode, WaybillError } from '@waybill/shared/base/errors';
import { probeBucket } from '@waybill/shared/bucket/open/probe';
import { AWS, OTHER } from '@waybill/shared/bucket/s3/dialect';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeBucketContract } from '../support/bucket/contract.ts';
import { describeWithStores } from '../support/stores/available.ts';
import { code, MIB, megabytes, open, uploadsIn } from '../support/stores/s3-bucket.ts';
import { type S3Server, startS3Server } from '../support/stores/s3-server.ts';
import { COS, OSS, startVendorProxy, type Vendor, type VendorProxy } from '../support/stores/vendor-proxy.ts';

/**
 * Two parts on their way, one held back, one being filled, and one that each connection remembers.
 */
const HELD_BYTES = 56 * MIB;

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
      expect(await bucket.removeUnfinished('s/', { olderThanMs: 3_600_000, isOurs: () => true })).toBe(0);
      expect(await uploadsIn(server, name)).toBe(3);
      expect(await bucket.removeUnfinished('s/', { olderThanMs: -60_000, isOurs: () => false })).toBe(0);
      expect(await bucket.removeUnfinished('s/', { olderThanMs: -60_000, isOurs: () => true })).toBe(2);
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
});
