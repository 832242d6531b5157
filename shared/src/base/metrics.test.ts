import { describe, expect, it } from 'vitest';
import { METRICS } from './metric-table.ts';
import { createMetrics, observeCapture, observeLoad } from './metrics.ts';
import { clusterTime } from './position.ts';
import { collectionProgress, createCaptureStats, createLoadStats, totals } from './stats.ts';

describe('metrics', () => {
  it('names counters, durations and sizes by what they are', () => {
    const names = Object.values(METRICS).map((metric) => metric.name);
    expect(new Set(names).size).toBe(names.length);
    for (const { name, type } of Object.values(METRICS)) {
      expect(name.endsWith('_total'), name).toBe(type === 'counter');
      if (type === 'histogram') expect(name).toMatch(/_seconds$/);
    }
  });

  it('reads the stats at every scrape, not only at the first', async () => {
    const metrics = createMetrics();
    const capture = createCaptureStats();
    const load = createLoadStats();
    observeCapture(metrics, capture);
    observeLoad(metrics, load);
    expect(await metrics.render()).not.toMatch(/^waybill_capture_watermark_seconds /m);

    capture.changes = 5;
    capture.bucketBytes = 100;
    capture.watermark = clusterTime(1000, 4);
    capture.sourceTime = clusterTime(1007, 1);
    collectionProgress(capture, 'a.b').documents = 3;
    load.bucketBytes = 70;
    await metrics.render();
    capture.changes = 9;
    const text = await metrics.render();
    expect(text).toMatch(/^waybill_capture_changes_total 9$/m);
    expect(text).toMatch(/^waybill_capture_documents_total 3$/m);
    expect(text).toMatch(/^waybill_capture_watermark_seconds 1000$/m);
    expect(text).toMatch(/^waybill_capture_lag_seconds 7$/m);
    expect(text).toMatch(/^waybill_bucket_bytes_total\{direction="written"\} 100$/m);
    expect(text).toMatch(/^waybill_bucket_bytes_total\{direction="read"\} 70$/m);
  });
});

it('shows the limit of a load while it has one', async () => {
  const metrics = createMetrics();
  const load = createLoadStats();
  observeLoad(metrics, load);
  expect(await metrics.render()).not.toMatch(/^waybill_load_(write_limit|batches_at_once)\b/m);
  Object.assign(load.pace, { atOnce: 3, atOnceMost: 6, documentsPerSecond: 5000, waitedMs: 1500 });
  const limited = await metrics.render();
  expect(limited).toMatch(/^waybill_load_write_limit\{of="documents"\} 5000$/m);
  expect(limited).toMatch(/^waybill_load_batches_at_once 3$/m);
  expect(limited).toMatch(/^waybill_load_held_seconds_total 1.5$/m);
  load.pace.documentsPerSecond = null;
  expect(await metrics.render()).not.toMatch(/^waybill_load_write_limit\b/m);
});

it('shows what a load tries again, and for how long', async () => {
  const metrics = createMetrics();
  const load = createLoadStats();
  observeLoad(metrics, load);
  expect(await metrics.render()).toMatch(/^waybill_load_oldest_retry_seconds 0$/m);
  load.trouble.retries.set('transient', 3);
  const batch = {};
  load.trouble.retried.set(batch, { since: Date.now() - 90_000, kind: 'transient', reason: 'no' });
  const text = await metrics.render();
  expect(text).toMatch(/^waybill_load_retries_total\{class="transient"\} 3$/m);
  expect(text).toMatch(/^waybill_load_oldest_retry_seconds 9\d/m);
  load.trouble.retried.delete(batch);
  expect(await metrics.render()).toMatch(/^waybill_load_oldest_retry_seconds 0$/m);
});

describe('totals', () => {
  it('never says more than all, nor less than all of what is done', () => {
    const stats = createLoadStats();
    Object.assign(collectionProgress(stats, 'a.a'), {
      documents: 12,
      documentsTotal: 10,
      bytes: 5,
      bytesTotal: 9,
    });
    Object.assign(collectionProgress(stats, 'a.b'), { documents: 4, documentsTotal: 10, done: true });
    Object.assign(collectionProgress(stats, 'a.c'), { documents: 1, documentsTotal: 10 });
    expect(totals(stats)).toEqual({
      documents: 17,
      documentsTotal: 12 + 4 + 10,
      bytes: 5,
      bytesTotal: 9,
      collections: 3,
      collectionsDone: 1,
      ...{ earlierDocuments: 0, earlierBytes: 0, openDocuments: 0, openBytes: 0 },
    });
  });
});
