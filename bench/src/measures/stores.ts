import { hasCode } from '@waybill/shared/base/errors';
import { storeBinary } from '@waybill/test/support/stores/programs';
import { type CloudKind, startTestStore } from '@waybill/test/support/stores/test-store';
import { clear } from '../data/fill.ts';
import { DATABASE } from '../data/orders.ts';
import { type Bench, freshFolder } from '../harness/bench.ts';
import { waybill } from '../harness/process.ts';
import type { Measure } from '../report/measure.ts';
import { captureArgs, loadArgs, peakMemory } from './snapshot-commands.ts';

interface Figures {
  readonly capture: number[];
  readonly load: number[];
  readonly captureBytes: number[];
  readonly loadBytes: number[];
}

/**
 * Capture and load of the whole data set through each object store, beside the same through a
 * folder. The stores' servers run on this machine and take their share of its processors. So the
 * ratio is the whole cost of a store, and not only what it costs Waybill.
 */
export async function stores(bench: Bench): Promise<readonly Measure[]> {
  const missing = await whyMissing();
  if (missing !== undefined) {
    bench.log(`LEFT OUT: the measure stores. ${missing}`);
    return [];
  }
  const folder = noFigures();
  const s3 = noFigures();
  const gcs = noFigures();
  for (let round = 0; round < bench.rounds; round++) {
    bench.log(`stores, round ${round + 1} of ${bench.rounds}`);
    await through(bench, folder, await freshFolder(bench, 'stores-bucket'), []);
    await throughStore(bench, s3, 's3');
    await throughStore(bench, gcs, 'gcs');
  }
  return [
    beside('capture of the snapshot into S3', s3.capture, 'into a folder', folder.capture),
    beside('load of the snapshot from S3', s3.load, 'from a folder', folder.load),
    beside('capture of the snapshot into GCS', gcs.capture, 'into a folder', folder.capture),
    beside('load of the snapshot from GCS', gcs.load, 'from a folder', folder.load),
    peakMemory('peak memory of capture into S3', s3.captureBytes, bench),
    peakMemory('peak memory of load from S3', s3.loadBytes, bench),
    peakMemory('peak memory of capture into GCS', gcs.captureBytes, bench),
    peakMemory('peak memory of load from GCS', gcs.loadBytes, bench),
  ];
}

/** The servers are built from source, so they need Go, or an earlier run that had it. */
async function whyMissing(): Promise<string | undefined> {
  try {
    await storeBinary('s3');
    await storeBinary('gcs');
    return undefined;
  } catch (error) {
    if (!hasCode(error, 'SERVER_UNAVAILABLE')) throw error;
    return `${error.message}. ${error.hint ?? ''}`;
  }
}

/** Starts a new server each time: what it holds, in memory or on disk, goes away with it. */
async function throughStore(bench: Bench, figures: Figures, kind: CloudKind): Promise<void> {
  await using store = await startTestStore(kind);
  await through(bench, figures, await store.newBucket(), ['--bucket-endpoint', store.endpoint]);
}

async function through(
  bench: Bench,
  figures: Figures,
  bucket: string,
  options: readonly string[],
): Promise<void> {
  const captured = await waybill(captureArgs(bench, bucket, options));
  figures.capture.push(captured.seconds);
  figures.captureBytes.push(captured.peakBytes);
  await clear(bench.targetConnection, [DATABASE, 'waybill']);
  const loaded = await waybill(loadArgs(bench, bucket, options));
  figures.load.push(loaded.seconds);
  figures.loadBytes.push(loaded.peakBytes);
  await clear(bench.targetConnection, [DATABASE, 'waybill']);
}

function noFigures(): Figures {
  return { capture: [], load: [], captureBytes: [], loadBytes: [] };
}

function beside(
  name: string,
  waybillSeconds: readonly number[],
  peerName: string,
  peer: readonly number[],
): Measure {
  return { name, unit: 's', waybill: waybillSeconds, peer, peerName };
}
