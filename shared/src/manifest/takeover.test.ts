import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FaultyBucket } from '@waybill/test/support/bucket/faulty-bucket';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { hasCode } from '../base/errors.ts';
import type { Bucket } from '../bucket/bucket.ts';
import { openFolder } from '../bucket/folder/folder.ts';
import { manifestPrefix } from './keys.ts';
import { readManifest } from './log.ts';
import { ManifestWriter } from './writer.ts';

const P = 'default';
let folder: string;
let bucket: Bucket;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waybill-takeover-'));
  bucket = await openFolder(folder);
});
afterEach(() => rm(folder, { recursive: true }));

test('an owner that commits faster than the log can be followed does not keep others from taking it over', async () => {
  const owner = await ManifestWriter.acquire({ bucket, prefix: P, writer: 'owner' });
  let puts = 0;
  const overtaken = new FaultyBucket(bucket, async ({ operation, key, moment }) => {
    if (operation !== 'put' || moment !== 'before' || !key.startsWith(manifestPrefix(P))) return;
    puts += 1;
    if (puts <= 10) for (let n = 0; n < 5; n++) await owner.commit({});
  });
  const heir = await ManifestWriter.acquire({ bucket: overtaken, prefix: P, writer: 'heir' });
  expect(puts).toBe(11);
  expect([heir.epoch, heir.state.seq]).toEqual([2, 52]);
  await expect(owner.commit({})).rejects.toSatisfy((error) => hasCode(error, 'MANIFEST_FENCED'));
  expect((await readManifest(bucket, P)).seq).toBe(52);
});
