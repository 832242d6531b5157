import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { clear } from '../data/fill.ts';
import { DATABASE } from '../data/orders.ts';
import { type Bench, freshFolder, toolCommand } from '../harness/bench.ts';
import { timed, timedPipe, waybill } from '../harness/process.ts';
import type { Measure } from '../report/measure.ts';
import { captureArgs, loadArgs, peakMemory } from './snapshot-commands.ts';

/**
 * Capture, load and run of the whole data set, each beside the tool that does the same. The two
 * take turns.
 */
export async function snapshot(bench: Bench): Promise<readonly Measure[]> {
  const figures = {
    capture: [] as number[],
    dump: [] as number[],
    load: [] as number[],
    restore: [] as number[],
    run: [] as number[],
    pipe: [] as number[],
    captureBytes: [] as number[],
    loadBytes: [] as number[],
  };
  const archive = join(bench.folder, 'dump.archive');
  for (let round = 0; round < bench.rounds; round++) {
    bench.log(`snapshot, round ${round + 1} of ${bench.rounds}`);
    const bucket = await freshFolder(bench, 'snapshot-bucket');
    const captured = await waybill(captureArgs(bench, bucket));
    figures.capture.push(captured.seconds);
    figures.captureBytes.push(captured.peakBytes);
    figures.dump.push((await timed(...dump(bench, `--archive=${archive}`))).seconds);

    await clear(bench.targetConnection, [DATABASE, 'waybill']);
    const loaded = await waybill(loadArgs(bench, bucket));
    figures.load.push(loaded.seconds);
    figures.loadBytes.push(loaded.peakBytes);
    await clear(bench.targetConnection, [DATABASE, 'waybill']);
    figures.restore.push((await timed(...restore(bench, `--archive=${archive}`))).seconds);

    await clear(bench.targetConnection, [DATABASE, 'waybill']);
    const through = await freshFolder(bench, 'run-bucket');
    figures.run.push((await waybill(runArgs(bench, through))).seconds);
    await clear(bench.targetConnection, [DATABASE, 'waybill']);
    figures.pipe.push((await timedPipe(dump(bench, '--archive'), restore(bench, '--archive'))).seconds);
    await clear(bench.targetConnection, [DATABASE, 'waybill']);
  }
  await rm(archive, { force: true });
  return [
    compared(
      'capture of the snapshot',
      figures.capture,
      'mongodump, uncompressed archive',
      figures.dump,
      1.25,
      1,
    ),
    compared(
      'load of the snapshot',
      figures.load,
      'mongorestore, 4 insertion workers',
      figures.restore,
      0.9,
      0.7,
    ),
    compared('run, source to target', figures.run, 'mongodump piped into mongorestore', figures.pipe, 1, 0.8),
    peakMemory('peak memory of capture', figures.captureBytes, bench),
    peakMemory('peak memory of load', figures.loadBytes, bench),
  ];
}

function runArgs(bench: Bench, bucket: string): string[] {
  const ends = ['--source', bench.source.uri, '--target', bench.target.uri, '--include', DATABASE];
  return ['run', ...ends, '--bucket', bucket, '--until', 'caught-up', '--yes'];
}

function dump(bench: Bench, archive: string): readonly [string, readonly string[]] {
  return toolCommand(bench.mongodump, [`--uri=${bench.source.uri}`, `--db=${DATABASE}`, archive, '--quiet']);
}

function restore(bench: Bench, archive: string): readonly [string, readonly string[]] {
  const workers = '--numInsertionWorkersPerCollection=4';
  return toolCommand(bench.mongorestore, [`--uri=${bench.target.uri}`, archive, workers, '--quiet']);
}

function compared(
  name: string,
  waybillSeconds: readonly number[],
  peerName: string,
  peer: readonly number[],
  must: number,
  aim: number,
): Measure {
  return {
    name,
    unit: 's',
    waybill: waybillSeconds,
    peer,
    peerName,
    bound: { direction: 'atMost', must, aim },
  };
}
