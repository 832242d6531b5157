/**
 * What a user gets for the mistakes that users make: what happened, what to do, the documented exit
 * code, no stack.
 */
import { chmod, mkdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunningServer } from '@waybill/demo/servers/start';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TemporaryBucket, temporaryBucket } from '../support/bucket.ts';
import { testClient } from '../support/raw.ts';
import { describeWithServer, startServer, uniqueName } from '../support/servers.ts';
import { type CommandResult, type RunOptions, runWaybill } from '../support/waybill.ts';

const PASSWORD = 'hunter2';

interface Expected {
  readonly exitCode: number;
  readonly code: string;
  readonly message: RegExp;
  readonly hint: RegExp;
}

async function expectError(
  args: readonly string[],
  expected: Expected,
  options: RunOptions = {},
): Promise<void> {
  const text = await runWaybill(args, options);
  check(text, expected);
  const [error = '', code] = text.stderr.slice(text.stderr.indexOf('error: ')).split('\n');
  expect(error).toMatch(expected.message);
  expect(code).toBe(`code: ${expected.code}`);
  expect(/^hint: (.+)$/m.exec(text.stderr)?.[1] ?? '').toMatch(expected.hint);
}

function check(result: CommandResult, { exitCode }: Expected): void {
  expect(result.stderr).not.toMatch(/^\s+at /m);
  expect(result.stderr + result.stdout).not.toContain(PASSWORD);
  expect({ exitCode: result.exitCode, stdout: result.stdout, stderr: result.stderr }).toMatchObject({
    exitCode,
    stdout: '',
  });
}

describe('mistakes that need no server', () => {
  let bucket: TemporaryBucket;
  beforeAll(async () => {
    bucket = await temporaryBucket();
  });
  afterAll(() => bucket[Symbol.asyncDispose]());

  const nobody = 'mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=300';

  it('an unknown command', () =>
    expectError(['captrue'], {
      exitCode: 2,
      code: 'CONFIG_UNKNOWN_KEY',
      message: /unknown command captrue/,
      hint: /Did you mean capture\?/,
    }));

  it('an unknown option', () =>
    expectError(['capture', '--source', nobody, '--buckett', bucket.path], {
      exitCode: 2,
      code: 'CONFIG_UNKNOWN_KEY',
      message: /unknown option --buckett/,
      hint: /Did you mean --bucket\?/,
    }));

  it('a missing option', () =>
    expectError(['load', '--bucket', bucket.path], {
      exitCode: 2,
      code: 'CONFIG_INVALID',
      message: /--target is needed/,
      hint: /WAYBILL_TARGET/,
    }));

  it('a value of the wrong form, from the environment', () =>
    expectError(
      ['capture', '--source', nobody, '--bucket', bucket.path],
      {
        exitCode: 2,
        code: 'CONFIG_INVALID',
        message: /--chunk-size \(from WAYBILL_CHUNK_SIZE\): "huge" is not a size such as 8MiB/,
        hint: /|./,
      },
      { env: { WAYBILL_CHUNK_SIZE: 'huge' } },
    ));

  it.each([
    [
      'no connection string at all',
      `admin:${PASSWORD}@example`,
      'CONFIG_INVALID',
      /is not a connection string/,
      /mongodb:\/\//,
    ],
    ['one that does not parse', `mongodb://admin:${PASSWORD}@[::1`, 'MONGO_URI_INVALID', /not valid/, /form/],
    [
      'an option that no driver knows',
      `mongodb://admin:${PASSWORD}@127.0.0.1:9/?nonsense=1`,
      'MONGO_URI_INVALID',
      /not valid/,
      /form|option/,
    ],
  ])('a connection string: %s', (_name, source, code, message, hint) =>
    expectError(['capture', '--source', source, '--bucket', bucket.path], {
      exitCode: 2,
      code,
      message,
      hint,
    }),
  );

  it('a server that is not there', () =>
    expectError(['capture', '--source', nobody, '--bucket', bucket.path], {
      exitCode: 1,
      code: 'MONGO_UNREACHABLE',
      message: /127\.0\.0\.1:9/,
      hint: /host, port/,
    }));

  it('a stream that is not there', () =>
    expectError(['status', '--bucket', bucket.path, '--stream', 'nope'], {
      exitCode: 2,
      code: 'STREAM_MISSING',
      message: /no stream nope/,
      hint: /Start a capture/,
    }));

  it('an ordinary folder for a bucket, which keeps all that is in it, however old', async () => {
    const folder = join(bucket.path, 'ordinary');
    const names = [
      '.tmp/notes.txt',
      '.tmp/0f8fad5b-d9cb-469f-a165-70867728950e',
      '.waybill-probe-mine',
      'report.txt',
    ];
    await mkdir(join(folder, '.tmp'), { recursive: true });
    for (const name of names) {
      await writeFile(join(folder, name), 'mine');
      await utimes(join(folder, name), 1, 1);
    }
    const at = ['--bucket', folder];
    for (const args of [
      ['status', ...at],
      ['fsck', ...at],
      ['gc', ...at, '--delete', '--min-age', '0'],
      ['load', ...at, '--target', nobody],
    ]) {
      expect((await runWaybill(args)).exitCode, args[0]).not.toBe(0);
      for (const name of names) expect(await readFile(join(folder, name), 'utf8'), args[0]).toBe('mine');
    }
  });

  it('a bucket whose path leads through a file', async () => {
    const file = join(bucket.path, 'file');
    await writeFile(file, '');
    await expectError(['capture', '--source', nobody, '--bucket', join(file, 'below')], {
      exitCode: 2,
      code: 'BUCKET_URL_INVALID',
      message: /is a file, not a folder/,
      hint: /path of a folder/,
    });
  });

  it.skipIf(process.getuid?.() === 0)('a folder that cannot be written', async () => {
    const folder = join(bucket.path, 'read-only');
    await mkdir(folder);
    await chmod(folder, 0o555);
    await expectError(['capture', '--source', nobody, '--bucket', folder], {
      exitCode: 2,
      code: 'BUCKET_ACCESS_DENIED',
      message: /does not allow to write/,
      hint: /right to write/,
    });
  });

  it.runIf(process.platform === 'linux')('a place where no folder can be made', () =>
    expectError(['capture', '--source', nobody, '--bucket', '/proc/waybill'], {
      exitCode: 1,
      code: 'BUCKET_UNAVAILABLE',
      message: /failed to write/,
      hint: /disk or the mount/,
    }),
  );

  it('the same as JSON, on one line', async () => {
    const result = await runWaybill(['status', '--bucket', bucket.path, '--json']);
    check(result, { exitCode: 2, code: 'STREAM_MISSING', message: /./, hint: /./ });
    expect(JSON.parse(result.stderr)).toMatchObject({
      error: { code: 'STREAM_MISSING', kind: 'usage', exitCode: 2, hint: expect.any(String) },
    });
  });
});

await describeWithServer('mistakes about servers', (servers) => {
  let bucket: TemporaryBucket;
  beforeAll(async () => {
    bucket = await temporaryBucket();
  });
  afterAll(() => bucket[Symbol.asyncDispose]());

  it('a standalone server as the source', async () => {
    await using standalone = await startServer();
    await expectError(['capture', '--source', standalone.uri, '--bucket', bucket.path], {
      exitCode: 2,
      code: 'SOURCE_NOT_REPLICA_SET',
      message: /standalone/,
      hint: /--replSet/,
    });
  });

  it('a stream that belongs to another cluster, and options that are fixed', async () => {
    const database = uniqueName('mistakes');
    await using source = await testClient(servers.source.uri);
    await source.client.db(database).collection('items').insertOne({ x: 1 });
    const first = ['capture', '--bucket', bucket.path, '--include', database, '--until', 'caught-up'];
    const made = await runWaybill([...first, '--source', servers.source.uri]);
    expect(made.exitCode, made.stderr).toBe(0);

    await expectError([...first, '--source', servers.target.uri], {
      exitCode: 2,
      code: 'STREAM_FOREIGN_SOURCE',
      message: /another|other/,
      hint: /--stream|--bucket|--source/,
    });
    await expectError([...first, '--source', servers.source.uri, '--lanes', '3'], {
      exitCode: 2,
      code: 'STREAM_OPTIONS_CHANGED',
      message: /lanes/,
      hint: /./,
    });
  });

  it('a milestone that the command does not reach', () =>
    expectError(
      ['load', '--bucket', bucket.path, '--target', servers.target.uri, '--until', 'snapshot-completed'],
      {
        exitCode: 2,
        code: 'CONFIG_INVALID',
        message: /load does not reach snapshot-completed/,
        hint: /snapshot-applied/,
      },
    ));

  it('a cutover that nobody said writes have stopped for', () =>
    expectError(
      ['cutover', '--bucket', bucket.path, '--source', servers.source.uri, '--target', servers.target.uri],
      { exitCode: 2, code: 'CONFIG_INVALID', message: /writes to the source have stopped/, hint: /--yes/ },
    ));
});

await describeWithServer('mistakes about users', () => {
  let bucket: TemporaryBucket;
  let guarded: RunningServer;
  beforeAll(async () => {
    bucket = await temporaryBucket();
    guarded = await startServer({ replSet: 'guarded', auth: true });
    await using root = await testClient(guarded.uri);
    await root.client.db('shop').collection('orders').insertOne({ x: 1 });
    await root.command('admin', {
      createUser: 'reader',
      pwd: PASSWORD,
      roles: [{ role: 'read', db: 'other' }],
    });
  });
  afterAll(async () => {
    await guarded?.[Symbol.asyncDispose]();
    await bucket[Symbol.asyncDispose]();
  });

  const as = (user: string, password: string) =>
    guarded.anonymousUri.replace('mongodb://', `mongodb://${user}:${password}@`);

  it('a wrong password', () =>
    expectError(['capture', '--source', as('root', PASSWORD), '--bucket', bucket.path], {
      exitCode: 2,
      code: 'MONGO_AUTHENTICATION',
      message: /credentials|authentication/i,
      hint: /./,
    }));

  it('no user at all', () =>
    expectError(['capture', '--source', guarded.anonymousUri, '--bucket', bucket.path], {
      exitCode: 2,
      code: 'MONGO_AUTHENTICATION',
      message: /./,
      hint: /role|grant|privilege|user/i,
    }));

  it.each([
    ['everything', []],
    ['a database', ['--include', 'shop']],
  ])('a user that may not read %s', (_name, include) =>
    expectError(['capture', '--source', as('reader', PASSWORD), '--bucket', bucket.path, ...include], {
      exitCode: 2,
      code: 'MONGO_UNAUTHORIZED',
      message: /./,
      hint: /role|grant|privilege/i,
    }),
  );
});
