import { once } from 'node:events';
import { clear } from '../data/fill.ts';
import { fillMany, MANY_PREFIX, manyDatabases } from '../data/many.ts';
import { type Bench, freshFolder, toolCommand } from '../harness/bench.ts';
import { exit, startWaybill, timed, timedPipe, waybill } from '../harness/process.ts';
import type { Measure } from '../report/measure.ts';

/**
 * Many small collections: how long a run takes until it has caught up, and a capture until it
 * reads.
 */
export async function collections(bench: Bench): Promise<readonly Measure[]> {
  const count = bench.collections;
  const databases = manyDatabases(count);
  bench.log(`filling the source with ${count} collections`);
  await fillMany(bench.sourceConnection, count);
  const figures = { run: [] as number[], pipe: [] as number[], start: [] as number[], list: [] as number[] };
  for (let round = 0; round < bench.rounds; round++) {
    bench.log(`${count} collections, round ${round + 1} of ${bench.rounds}`);
    figures.start.push(await secondsToStart(bench));
    figures.list.push((await timed(...dump(bench, '--archive=/dev/null'))).seconds);
    const ends = ['--source', bench.source.uri, '--target', bench.target.uri];
    const bucket = await freshFolder(bench, 'many-bucket');
    const scope = ['--include', `${MANY_PREFIX}*`, '--bucket', bucket, '--until', 'caught-up', '--yes'];
    figures.run.push((await waybill(['run', ...ends, ...scope])).seconds);
    await clear(bench.targetConnection, [...databases, 'waybill']);
    figures.pipe.push((await timedPipe(dump(bench, '--archive'), restore(bench))).seconds);
    await clear(bench.targetConnection, [...databases, 'waybill']);
  }
  await clear(bench.sourceConnection, databases);
  return [
    {
      name: `run of ${count} small collections`,
      unit: 's',
      waybill: figures.run,
      peer: figures.pipe,
      peerName: 'mongodump piped into mongorestore',
    },
    {
      name: `capture's start with ${count} collections`,
      unit: 's',
      waybill: figures.start,
      peer: figures.list,
      peerName: 'mongodump of all of it',
    },
  ];
}

/** Seconds until the capture's stream is made and all collections are listed. */
async function secondsToStart(bench: Bench): Promise<number> {
  const bucket = await freshFolder(bench, 'start-bucket');
  const started = process.hrtime.bigint();
  const scope = ['--include', `${MANY_PREFIX}*`, '--bucket', bucket];
  const child = startWaybill(['capture', '--source', bench.source.uri, ...scope]);
  const ended = exit(child);
  let text = '';
  while (!text.includes('new stream')) {
    const [chunk] = (await Promise.race([once(child.stderr!, 'data'), ended.then(() => [null])])) as [
      unknown,
    ];
    if (chunk === null) throw new Error(`the capture ended before it started:\n${text.slice(-4000)}`);
    text += String(chunk);
  }
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  child.kill('SIGKILL');
  await ended;
  return seconds;
}

function dump(bench: Bench, archive: string): readonly [string, readonly string[]] {
  return toolCommand(bench.mongodump, [`--uri=${bench.source.uri}`, archive, '--quiet']);
}

function restore(bench: Bench): readonly [string, readonly string[]] {
  const only = `--nsInclude=${MANY_PREFIX}*`;
  return toolCommand(bench.mongorestore, [`--uri=${bench.target.uri}`, '--archive', only, '--quiet']);
}
