import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openTarget } from '@waybill/load/target/open/open-target';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import type { Milestone } from '@waybill/shared/manifest/commit';
import { createStream } from '@waybill/shared/manifest/identity';
import { loadPrefix, streamPrefix } from '@waybill/shared/manifest/keys';
import { ManifestWriter } from '@waybill/shared/manifest/writer';
import { connect } from '@waybill/shared/mongo/driver/connect';
import { sampleIdentity } from '@waybill/test/support/manifest/samples';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { StatusCollector } from './collect.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'waybill-status-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const milestone = (name: Milestone['name']): Milestone => ({
  name,
  at: new Date().toISOString(),
  clusterTime: '100:1',
  sequence: 0,
});

const settings = { stream: 'shop', load: 'test' };
const identity = { ...sampleIdentity, stream: 'shop', lanes: 2, include: [] };

it('sees at each look what was committed since the last one, as a first look would', async () => {
  const bucket = await openBucket(folder);
  const deps = { bucket, source: null, target: null, signal: new AbortController().signal };
  const watching = new StatusCollector(settings, deps);
  await expect(watching.collect()).rejects.toMatchObject({ code: 'STREAM_MISSING' });

  await createStream(bucket, streamPrefix('shop'), identity);
  expect(await watching.collect()).toMatchObject({ capture: { phase: 'starting', commit: 0 }, load: null });

  const capture = await ManifestWriter.acquire({ bucket, prefix: streamPrefix('shop'), writer: 'one' });
  await capture.commit({ milestones: [milestone('snapshot-started')] });
  expect(await watching.collect()).toMatchObject({ capture: { phase: 'snapshot', commit: 2 }, load: null });

  await capture.commit({
    milestones: [milestone('snapshot-completed')],
    position: { clusterTime: '105:2', resumeToken: null, options: '' },
  });
  const load = await ManifestWriter.acquire({ bucket, prefix: loadPrefix('shop', 'test'), writer: 'two' });
  await load.commit({ milestones: [milestone('load-started')] });
  const last = await watching.collect();
  expect(last).toMatchObject({
    capture: { phase: 'changes', commit: 3, watermark: '105:2' },
    load: { phase: 'snapshot', epoch: 1, writer: 'two' },
  });
  const fresh = await new StatusCollector(settings, deps).collect();
  expect({ ...fresh, capture: { ...fresh.capture, secondsSinceCommit: 0, watermarkAgeSeconds: 0 } }).toEqual({
    ...last,
    capture: { ...last.capture, secondsSinceCommit: 0, watermarkAgeSeconds: 0 },
  });
  await bucket.close();
});

it('tells what the bucket knows while the target is away, and asks it again at the next look', async () => {
  const bucket = await openBucket(folder);
  const { signal } = new AbortController();
  let asked = 0;
  const target = async () => {
    asked++;
    const options = { role: 'target', signal, serverSelectionTimeoutMs: 200 } as const;
    return openTarget(await connect('mongodb://127.0.0.1:1', options));
  };
  await createStream(bucket, streamPrefix('shop'), identity);
  const load = await ManifestWriter.acquire({ bucket, prefix: loadPrefix('shop', 'test'), writer: 'two' });
  await load.commit({ milestones: [milestone('load-started')] });
  const collector = new StatusCollector(settings, { bucket, source: null, target, signal });
  for (const looks of [1, 2]) {
    expect(await collector.collect()).toMatchObject({
      capture: { phase: 'starting' },
      load: { phase: 'snapshot', writer: 'two', watermark: null },
      unreachable: [{ side: 'target', code: 'MONGO_UNREACHABLE' }],
    });
    expect(asked).toBe(looks);
  }
  await bucket.close();
});
