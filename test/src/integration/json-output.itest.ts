/**
 * What scripts and log collectors read: one object a line, the first one says what runs, and every
 * result has a version and a time.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type TemporaryBucket, temporaryBucket } from '../support/bucket.ts';
import { testClient } from '../support/raw.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import { type RunOptions, runWaybill } from '../support/waybill.ts';

await describeWithServer('output for machines', (servers) => {
  const database = uniqueName('json');
  let bucket: TemporaryBucket;
  let config: string;
  beforeAll(async () => {
    bucket = await temporaryBucket();
    config = join(bucket.path, '..', `${database}.yaml`);
    await using source = await testClient(servers.source.uri);
    await source.client.db(database).collection('a').insertOne({ x: 1 });
    await writeFile(
      config,
      `bucket: ${bucket.path}\nlog-format: json\ninclude: ${database}\nload: ${database}\n`,
    );
  });
  afterAll(() => bucket[Symbol.asyncDispose]());

  const ends = () => ['--source', servers.source.uri, '--target', servers.target.uri];
  const run = (command: string, args: readonly string[], options: RunOptions = {}) =>
    runWaybill([command, '--config', config, ...args], options);

  it('is a log of whole lines that says first what runs, and names nothing twice', async () => {
    const { exitCode, stdout, stderr } = await run('run', [...ends(), '--until', 'caught-up', '--json']);
    expect(exitCode, stderr).toBe(0);
    const lines = stderr.trim().split('\n');
    const [first, ...others] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(first).toMatchObject({
      message: 'waybill starts',
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      command: 'run',
      source: expect.stringMatching(/^mongodb:\/\//),
      target: expect.stringMatching(/^mongodb:\/\//),
      bucket: bucket.path,
      stream: 'default',
      load: database,
      options: { include: [database], until: 'caught-up', 'log-format': 'json' },
    });
    expect(others.map(({ component }) => component)).toContain('load');
    for (const line of lines) {
      expect(line.split('"component":').length, line).toBeLessThanOrEqual(2);
      expect(line, 'numbers of few digits').not.toMatch(/:\d+\.\d{4}/);
    }
    for (const each of JSON.parse(stdout) as object[]) expect(each).toMatchObject(STAMP);
  });

  const STAMP = { schemaVersion: 1, time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) };

  it.each([
    ['status', false],
    ['list', false],
    ['verify', true],
    ['fsck', false],
    ['gc', false],
  ])('has a version and a time in the result of %s', async (command, needsEnds) => {
    const { exitCode, stdout, stderr } = await run(command, [...(needsEnds ? ends() : []), '--json']);
    expect(exitCode, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject(STAMP);
  });

  it('is JSON for an error too, wherever the format was asked for', async () => {
    const missing = await run('status', ['--stream', 'nope']);
    const unknown = await run('status', ['--strem', 'nope']);
    const misspelt = await runWaybill(['status', '--bucket', bucket.path], {
      env: { WAYBILL_LOG_FORMAT: 'json', WAYBILL_STREM: 'nope' },
    });
    for (const [result, code] of [
      [missing, 'STREAM_MISSING'],
      [unknown, 'CONFIG_UNKNOWN_KEY'],
      [misspelt, 'CONFIG_UNKNOWN_KEY'],
    ] as const) {
      expect(JSON.parse(result.stderr)).toMatchObject({ ...STAMP, error: { code } });
      expect(result.exitCode).toBe(2);
    }
  });
});
