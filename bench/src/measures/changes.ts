import { cp } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { clusterTimeIncrement, clusterTimeSeconds } from '@waybill/shared/base/position';
import { currentOperationTime } from '@waybill/shared/mongo/facts/operation-time';
import { changeOrders } from '../data/change.ts';
import { clear, fill } from '../data/fill.ts';
import { DATABASE } from '../data/orders.ts';
import { type Bench, freshFolder } from '../harness/bench.ts';
import { timed, waybill } from '../harness/process.ts';
import type { Measure } from '../report/measure.ts';

const COLLECTION = 'changing';
const NAMESPACE = `${DATABASE}.${COLLECTION}`;
const EXISTING = 300_000;
/**
 * 60,000 inserts, 180,000 updates and 60,000 deletes, each of another document. Starting a process
 * takes a part of a second: with so many events that is a small part of either side.
 */
const EVENTS = 300_000;
/** The peer needs seconds for a few thousand events. */
const TRANSACTIONS = 4000;

const peer = (file: string): string => fileURLToPath(new URL(`../peers/${file}`, import.meta.url));

/**
 * Change capture and change load as whole processes that begin where an earlier one ended. Capture
 * opens, reads, looks images up, encodes and commits. Load reads, coalesces and applies.
 */
export async function changes(bench: Bench): Promise<readonly Measure[]> {
  await fill(bench.sourceConnection, COLLECTION, 0, EXISTING);
  const before = await freshFolder(bench, 'changes-before');
  await waybill(captureArgs(bench, before));
  const from = await currentOperationTime(bench.sourceConnection);
  await changeOrders(bench.sourceConnection, COLLECTION, EXISTING);

  const capture: number[] = [];
  const changeStream: number[] = [];
  const load: number[] = [];
  const transactions: number[] = [];
  for (let round = 0; round < bench.rounds; round++) {
    bench.log(`changes, round ${round + 1} of ${bench.rounds}`);
    const bucket = await freshFolder(bench, 'changes-bucket');
    await cp(before, bucket, { recursive: true });
    capture.push(EVENTS / (await waybill(captureArgs(bench, bucket))).seconds);
    const since = `${clusterTimeSeconds(from)}:${clusterTimeIncrement(from)}`;
    const read = [peer('change-stream.ts'), bench.source.uri, DATABASE, COLLECTION, since, `${EVENTS}`];
    changeStream.push(EVENTS / (await timed(process.execPath, read)).seconds);

    await clear(bench.targetConnection, [DATABASE, 'waybill']);
    await waybill(loadArgs(bench, bucket, 'snapshot-applied'));
    load.push(EVENTS / (await waybill(loadArgs(bench, bucket, 'caught-up'))).seconds);
    const shadowed = [
      peer('shadow-transactions.ts'),
      bench.target.uri,
      DATABASE,
      'shadowed',
      `${TRANSACTIONS}`,
    ];
    transactions.push(TRANSACTIONS / (await timed(process.execPath, shadowed)).seconds);
  }
  await clear(bench.targetConnection, [DATABASE, 'waybill']);
  await bench.sourceConnection.command(DATABASE, { drop: COLLECTION });
  return [
    {
      name: 'change capture with full images',
      unit: 'events/s',
      waybill: capture,
      peer: changeStream,
      peerName: "the driver's ChangeStream with updateLookup, only read",
      bound: { direction: 'atLeast', must: 5, aim: 15 },
    },
    {
      name: 'change load',
      unit: 'events/s',
      waybill: load,
      peer: transactions,
      peerName: 'one transaction per event with a shadow document, 8 at once',
      bound: { direction: 'atLeast', must: 20, aim: 40 },
    },
  ];
}

function captureArgs(bench: Bench, bucket: string): string[] {
  const until = ['--until', 'caught-up'];
  return ['capture', '--source', bench.source.uri, '--bucket', bucket, '--include', NAMESPACE, ...until];
}

function loadArgs(bench: Bench, bucket: string, until: string): string[] {
  return ['load', '--bucket', bucket, '--target', bench.target.uri, '--until', until];
}
