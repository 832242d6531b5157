import { clusterTime } from '@waybill/shared/base/position';
import {
  collectionProgress,
  countEarlier,
  createCaptureStats,
  createLoadStats,
  noteBucketFailure,
} from '@waybill/shared/base/stats';
import { describe, expect, it } from 'vitest';
import { ActivityMeter, activityFields, activityLine } from './activity.ts';
import { RateMeter } from './rate.ts';

const bar = (share: number, width: number) => `[${Math.round(share * 100)}${'.'.repeat(width)}]`;
const wide = { columns: 200, bar };

describe('activity', () => {
  it('tells progress, rate and time left of a snapshot', () => {
    const stats = createCaptureStats();
    const meter = new ActivityMeter(stats);
    stats.phase = 'snapshot';
    const orders = collectionProgress(stats, 'shop.orders');
    Object.assign(orders, { documentsTotal: 4000, bytesTotal: 40 * 2 ** 20 });
    meter.sample(0);
    Object.assign(orders, { documents: 1000, bytes: 10 * 2 ** 20 });
    const activity = meter.sample(5000);
    expect(activityLine(activity, wide)).toBe(
      'capture  snapshot  [25........................]  1,000/4,000 documents  10.0 MiB at 2.0 MiB/s  15.0 s left',
    );
    expect(activityFields(activity)).toMatchObject({ documents: 1000, etaSeconds: 15 });
  });

  it('tells what holds a load back, and nothing where nothing does', () => {
    const stats = createLoadStats();
    stats.phase = 'changes';
    const meter = new ActivityMeter(stats);
    stats.pace.atOnce = stats.pace.atOnceMost = 6;
    expect(activityLine(meter.sample(0), wide)).toBe('load     changes   0 changes at 0/s');
    expect(activityFields(meter.sample(0))).not.toHaveProperty('batchesAtOnce');
    Object.assign(stats.pace, { atOnce: 2, documentsPerSecond: 5000, pushBacks: 3 });
    expect(activityLine(meter.sample(0), wide)).toBe(
      'load     changes   0 changes at 0/s  limit 5000/s  2 of 6 batches at once',
    );
    expect(activityFields(meter.sample(0))).toMatchObject({
      limitDocumentsPerSecond: 5000,
      batchesAtOnce: 2,
      pushBacks: 3,
    });
  });

  it('tells what is tried again', () => {
    const stats = createLoadStats();
    const meter = new ActivityMeter(stats);
    const since = Date.now() - 95_000;
    stats.trouble.retried.set({}, { since, kind: 'transient', reason: 'no primary' });
    stats.trouble.retried.set({}, { since: since + 60_000, kind: 'transient', reason: 'another' });
    expect(activityLine(meter.sample(0), wide)).toContain('  retrying for 1m 35s');
    expect(activityFields(meter.sample(0))).toMatchObject({
      retryingSeconds: 95,
      retryingBecause: 'no primary',
    });
  });

  it('counts neither rate nor time left from what an earlier run copied', () => {
    const stats = createCaptureStats();
    const meter = new ActivityMeter(stats);
    const orders = collectionProgress(stats, 'shop.orders');
    Object.assign(orders, { documentsTotal: 4000, bytesTotal: 40 * 2 ** 20 });
    meter.sample(0);
    countEarlier(orders, { records: 3000, documentBytes: 30 * 2 ** 20 });
    const first = meter.sample(1000);
    expect(first).toMatchObject({ bytesPerSecond: 0, documentsPerSecond: 0, etaMs: null });
    expect(first.totals.documents).toBe(3000);
    orders.documents += 100;
    orders.bytes += 2 ** 20;
    expect(meter.sample(2000)).toMatchObject({ bytesPerSecond: 2 ** 19, documentsPerSecond: 50 });
  });

  it('moves while the first segment is still being written', () => {
    const stats = createCaptureStats();
    const meter = new ActivityMeter(stats);
    const orders = collectionProgress(stats, 'shop.orders');
    Object.assign(orders, { documentsTotal: 4000, bytesTotal: 40 * 2 ** 20 });
    meter.sample(0);
    orders.open.add({ records: 1000, documentBytes: 10 * 2 ** 20 });
    const activity = meter.sample(5000);
    expect(activityLine(activity, wide)).toContain(
      ']  1,000/4,000 documents  10.0 MiB at 2.0 MiB/s  15.0 s left',
    );
    // A log line tells apart what is durable.
    expect(activityFields(activity)).toMatchObject({ documents: 0, uncommittedDocuments: 1000 });
  });

  it.each([80, 60])('shows rate, time left and lag in %i columns too', (columns) => {
    const stats = createLoadStats();
    const meter = new ActivityMeter(stats);
    stats.phase = 'snapshot';
    const orders = collectionProgress(stats, 'shop.orders');
    Object.assign(orders, { documentsTotal: 400_000_000, bytesTotal: 400 * 2 ** 30 });
    meter.sample(0);
    Object.assign(orders, { documents: 123_456_789, bytes: 123 * 2 ** 30 });
    stats.watermark = clusterTime(100, 1);
    stats.streamWatermark = clusterTime(3703, 1);
    stats.changes = 1_234_567;
    const line = activityLine(meter.sample(1_000_000), { columns, bar });
    expect(line.length).toBeLessThanOrEqual(columns);
    expect(line).toMatch(/[[]31[.]*] .*126 MiB\/s {2}37m 32s left .*lag 3603 s$/);
  });

  it('tells changes and lag of what follows', () => {
    const stats = createLoadStats();
    const meter = new ActivityMeter(stats);
    Object.assign(collectionProgress(stats, 'a.b'), { documents: 7, done: true });
    stats.phase = 'changes';
    meter.sample(0);
    stats.changes = 3000;
    stats.watermark = clusterTime(100, 1);
    stats.streamWatermark = clusterTime(103, 1);
    expect(activityLine(meter.sample(2000), wide)).toBe(
      'load     changes   7 documents  3,000 changes at 1,500/s  lag 3 s',
    );
  });

  it('tells for how long the bucket has been away, and no lag meanwhile', () => {
    const stats = createLoadStats();
    Object.assign(stats, {
      phase: 'changes',
      watermark: clusterTime(1, 1),
      streamWatermark: clusterTime(1, 1),
    });
    noteBucketFailure(stats, 1000);
    const at = performance.now();
    const activity = new ActivityMeter(stats).sample(at + 2000);
    expect(activityLine(activity, wide)).toMatch(/no bucket for 2\.\d s$/);
    expect(activityFields(activity)).toMatchObject({ bucketAwaySeconds: 2 });
    expect(activityFields(activity)).not.toHaveProperty('lagSeconds');
    expect(activityLine(new ActivityMeter(stats).sample(at + 60_000), wide)).toMatch(/lag 0 s$/);
  });

  it('knows no lag before both ends are known', () => {
    const stats = createCaptureStats();
    stats.sourceTime = clusterTime(100, 1);
    expect(activityFields(new ActivityMeter(stats).sample(0))).not.toHaveProperty('lagSeconds');
  });
});

describe('RateMeter', () => {
  it('forgets what is long ago, and never goes negative', () => {
    const meter = new RateMeter();
    meter.add(0, 0);
    expect(meter.perSecond()).toBe(0);
    meter.add(1000, 1000);
    expect(meter.perSecond()).toBe(1000);
    for (let at = 2000; at <= 60_000; at += 1000) meter.add(at, 1000);
    expect(meter.perSecond()).toBe(0);
    meter.add(61_000, 500);
    expect(meter.perSecond()).toBe(0);
  });
});
