/** Errors say what is wrong with an S3 store's options or rights, and show no secret. */
import { randomUUID } from 'node:crypto';
import type { ErrorCode } from '@waybill/shared/base/error-codes';
import { hasCode, type WaybillError } from '@waybill/shared/base/errors';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeWithStores } from '../support/stores/available.ts';
import { code, MIB, megabytes, open } from '../support/stores/s3-bucket.ts';
import { type S3Server, startS3Server } from '../support/stores/s3-server.ts';
import { startTlsFront } from '../support/stores/tls-front.ts';

await describeWithStores('S3, refused', ['s3', 's3-without-conditions'], () => {
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
});
