import { DATABASE, ORDER_BYTES } from '../data/orders.ts';
import type { Bench } from '../harness/bench.ts';
import type { Measure } from '../report/measure.ts';

/** Arguments of `capture` for the whole data set. */
export function captureArgs(bench: Bench, bucket: string, options: readonly string[] = []): string[] {
  const until = ['--until', 'snapshot-completed'];
  const from = ['--source', bench.source.uri, '--include', DATABASE];
  return ['capture', ...from, '--bucket', bucket, ...options, ...until];
}

/** Arguments of `load` for the stream that {@link captureArgs} captures. */
export function loadArgs(bench: Bench, bucket: string, options: readonly string[] = []): string[] {
  const until = ['--until', 'snapshot-applied'];
  return ['load', '--bucket', bucket, ...options, '--target', bench.target.uri, ...until];
}

export function peakMemory(name: string, bytes: readonly number[], bench: Bench): Measure {
  const megabytes = Math.round((bench.documents * ORDER_BYTES) / 1e6);
  return {
    name: `${name}, ${megabytes} MB of data`,
    unit: 'bytes',
    waybill: bytes,
    peer: [],
    peerName: '',
    bound: { direction: 'atMost', must: 512 * 1024 ** 2, aim: 300 * 1024 ** 2 },
  };
}
