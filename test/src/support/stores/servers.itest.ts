/**
 * Shows what the tests' stores do, without any of our code between. The other suites rely on it.
 */
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { temporaryFolder } from '@waybill/demo/servers/temporary';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithStores } from './available.ts';
import { type GcsServer, startGcsServer } from './gcs-server.ts';
import { type S3Server, startS3Server } from './s3-server.ts';

const WRITERS = 8;
const MIB = 1024 * 1024;

await describeWithStores('the S3 server of the tests', ['s3'], () => {
  let server: S3Server;
  let bucket: string;
  beforeAll(async () => {
    server = await startS3Server();
    bucket = await server.createBucket();
  });
  afterAll(() => server.stop());

  it('lets one of several conditional puts win, whichever it is', async () => {
    for (let round = 0; round < 30; round++) {
      const Key = `puts/${round}`;
      const won = await winners(async (Body) => {
        await server.client.send(new PutObjectCommand({ Bucket: bucket, Key, Body, IfNoneMatch: '*' }));
      });
      expect(await bodyOf(server, bucket, Key)).toBe(won);
    }
  });

  it('lets one of several conditional multipart uploads win', async () => {
    for (let round = 0; round < 10; round++) {
      const Key = `uploads/${round}`;
      const won = await winners((body) => uploadInParts(server, bucket, Key, body));
      expect(await bodyOf(server, bucket, Key)).toBe(won);
    }
  });

  it('comes back as it was after a crash, given its port and its folder', async () => {
    await using folder = await temporaryFolder('objects');
    const first = await startS3Server({ folder: folder.path });
    const mine = await first.createBucket();
    await first.client.send(new PutObjectCommand({ Bucket: mine, Key: 'k', Body: 'kept' }));
    await first.kill();
    await using second = await startS3Server({ folder: folder.path, port: first.port });
    expect(await bodyOf(second, mine, 'k')).toBe('kept');
    await first.stop();
  });
});

await describeWithStores('the S3 server without conditional puts', ['s3-without-conditions'], () => {
  it('refuses a conditional put of a new key with 404, and ends every conditional upload', async () => {
    await using server = await startS3Server({ conditions: false });
    const bucket = await server.createBucket();
    const put = new PutObjectCommand({ Bucket: bucket, Key: 'k', Body: 'x', IfNoneMatch: '*' });
    await expect(server.client.send(put)).rejects.toMatchObject({ $metadata: { httpStatusCode: 404 } });
    for (const body of ['one', 'two']) {
      await uploadInParts(server, bucket, 'k', body);
      expect(await bodyOf(server, bucket, 'k')).toBe(body);
    }
  });
});

await describeWithStores('the GCS server of the tests', ['gcs'], () => {
  let server: GcsServer;
  let bucket: string;
  beforeAll(async () => {
    server = await startGcsServer();
    bucket = await server.createBucket();
  });
  afterAll(() => server.stop());

  it.each(['media', 'multipart', 'resumable'] as const)(
    'lets one of several %s uploads with generation 0 win',
    async (kind) => {
      for (let round = 0; round < 30; round++) {
        const won = await winners((body) => uploadToGcs(server, bucket, `${kind}-${round}`, kind, body));
        const stored = await fetch(`${server.endpoint}/storage/v1/b/${bucket}/o/${kind}-${round}?alt=media`);
        expect(await stored.text()).toBe(won);
      }
    },
  );
});

/**
 * Runs `put` for several writers at once, expects exactly one to succeed, and returns what that one
 * wrote.
 */
async function winners(put: (body: string) => Promise<void>): Promise<string> {
  const bodies = Array.from({ length: WRITERS }, (_, i) => `writer ${i}`);
  const outcomes = await Promise.allSettled(bodies.map(put));
  const won = bodies.filter((_, i) => outcomes[i]?.status === 'fulfilled');
  expect(won).toHaveLength(1);
  return won[0]!;
}

async function bodyOf(server: S3Server, Bucket: string, Key: string): Promise<string> {
  const { Body } = await server.client.send(new GetObjectCommand({ Bucket, Key }));
  return (await Body?.transformToString())?.trimEnd() ?? '';
}

async function uploadInParts(server: S3Server, Bucket: string, Key: string, body: string): Promise<void> {
  const { UploadId } = await server.client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
  const upload = { Bucket, Key, UploadId };
  const Parts = [];
  for (const [i, Body] of [body.padEnd(5 * MIB), ' '.repeat(100)].entries()) {
    const part = await server.client.send(new UploadPartCommand({ ...upload, PartNumber: i + 1, Body }));
    Parts.push({ PartNumber: i + 1, ETag: part.ETag });
  }
  await server.client.send(
    new CompleteMultipartUploadCommand({ ...upload, IfNoneMatch: '*', MultipartUpload: { Parts } }),
  );
}

async function uploadToGcs(
  server: GcsServer,
  bucket: string,
  name: string,
  kind: 'media' | 'multipart' | 'resumable',
  body: string,
): Promise<void> {
  const url = `${server.endpoint}/upload/storage/v1/b/${bucket}/o?uploadType=${kind}&name=${name}&ifGenerationMatch=0`;
  const post = async (to: string, init: RequestInit): Promise<Response> => {
    const response = await fetch(to, init);
    await response.arrayBuffer();
    if (!response.ok) throw new Error(`${response.status}`);
    return response;
  };
  if (kind === 'media') {
    await post(url, { method: 'POST', body });
  } else if (kind === 'multipart') {
    const parts = [JSON.stringify({ name }), body].map(
      (part) => `--x\r\ncontent-type: text/plain\r\n\r\n${part}\r\n`,
    );
    const headers = { 'content-type': 'multipart/related; boundary=x' };
    await post(url, { method: 'POST', headers, body: `${parts.join('')}--x--` });
  } else {
    const headers = { 'content-type': 'application/json' };
    const begun = await post(url, { method: 'POST', headers, body: '{}' });
    const range = { 'content-range': `bytes 0-${body.length - 1}/${body.length}` };
    await post(begun.headers.get('location') ?? '', { method: 'PUT', headers: range, body });
  }
}
