import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sampleIdentity } from '@waybill/test/support/manifest/samples';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Bucket } from '../bucket/bucket.ts';
import { openBucket } from '../bucket/open/open-bucket.ts';
import { createStream, readStream } from './identity.ts';
import { loadPrefix } from './keys.ts';
import { loadMissing, streamNames } from './names.ts';
import { ManifestWriter } from './writer.ts';

let folder: string;
let bucket: Bucket;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'waybill-names-'));
  mkdirSync(join(folder, 'holiday'));
  writeFileSync(join(folder, 'holiday', 'photo.jpg'), '');
  writeFileSync(join(folder, 'notes.txt'), '');
  bucket = await openBucket(folder);
  for (const stream of ['shop', 'shop.old']) {
    await createStream(bucket, stream, { ...sampleIdentity, stream, lanes: 2 });
  }
  for (const load of ['eu', 'us']) {
    await ManifestWriter.acquire({ bucket, prefix: loadPrefix('shop', load), writer: 'one' });
  }
});
afterAll(async () => {
  await bucket.close();
  rmSync(folder, { recursive: true });
});

it('finds the streams of a bucket, and nothing else that lies there', async () => {
  const names: string[] = [];
  for await (const name of streamNames(bucket)) names.push(name);
  expect(names).toEqual(['shop.old', 'shop']);
});

it('names the streams and the loads that are there for one that is not', async () => {
  await expect(readStream(bucket, 'shpo')).rejects.toMatchObject({
    code: 'STREAM_MISSING',
    hint: 'Did you mean --stream shop? The bucket has: shop.old, shop.',
  });
  expect(await loadMissing(bucket, { stream: 'shop', load: 'ue' })).toMatchObject({
    code: 'LOAD_MISSING',
    hint: 'Did you mean --load eu? The stream has: eu, us.',
  });
  expect(await loadMissing(bucket, { stream: 'shop.old', load: 'eu' })).toMatchObject({
    hint: expect.stringContaining('No load of this stream has been started yet'),
  });
});
