import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeBucketContract } from '@waybill/test/support/bucket/contract';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hasCode, type WaybillError } from '../../base/errors.ts';
import { openBucket } from '../open/open-bucket.ts';
import { assertReachable, probeBucket } from '../open/probe.ts';
import { folderError, linkError } from './error.ts';
import { openFolder } from './folder.ts';
import { walkFolder } from './list.ts';

const newFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'waybill-folder-'));

describeBucketContract('folder', async () => {
  const folder = await newFolder();
  return {
    bucket: await openFolder(folder),
    url: folder,
    heldBytes: 8 * 1024 * 1024,
    remove: () => rm(folder, { recursive: true }),
  };
});

describe('folder', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await newFolder();
  });
  afterEach(() => rm(folder, { recursive: true }));

  test('a key is the path of its file, and nothing else is left behind', async () => {
    const bucket = await openFolder(join(folder, 'new', 'bucket'));
    await bucket.put('s/manifest/1.json', Buffer.from('x'), { ifAbsent: true });
    await bucket.put('s/manifest/1.json', Buffer.from('y'));
    await expect(bucket.put('s/manifest/1.json', Buffer.from('z'), { ifAbsent: true })).rejects.toThrow();
    expect(await readFile(join(folder, 'new/bucket/s/manifest/1.json'), 'utf8')).toBe('y');
    expect(await readdir(join(folder, 'new/bucket/.tmp'))).toEqual([]);
  });

  test('nobody else may read it, but for the group of a folder that says so', {
    skip: process.platform === 'win32',
  }, async () => {
    const modes = async (path: string): Promise<string[]> => {
      const names = await readdir(path, { recursive: true, withFileTypes: true });
      return Promise.all(
        names.map(async (each) => {
          const { mode } = await stat(join(each.parentPath, each.name));
          return `${each.name} ${(mode & 0o777).toString(8)}`;
        }),
      );
    };
    const before = process.umask(0o022);
    try {
      const path = join(folder, 'deep/bucket');
      await (await openFolder(path)).put('s/k', Buffer.from('x'));
      expect((await modes(folder)).sort()).toEqual(
        ['deep 700', 'bucket 700', '.tmp 700', '.waybill-bucket 600', 's 700', 'k 600'].sort(),
      );
      await chmod(path, 0o2750);
      await (await openFolder(path)).put('t/k', Buffer.from('x'), { ifAbsent: true });
      expect(await modes(join(path, 't'))).toEqual(['k 640']);
      expect((await stat(join(path, 't'))).mode & 0o777).toBe(0o750);
    } finally {
      process.umask(before);
    }
  });

  test('a folder that is not there is an empty bucket and is not made by reading', async () => {
    const bucket = await openFolder(join(folder, 'none'));
    expect(await bucket.head('k')).toBeNull();
    for await (const _ of bucket.list('')) expect.unreachable();
    expect(await readdir(folder)).toEqual([]);
  });

  test('half-written files are no objects, and nothing is removed by opening, reading and probing', async () => {
    await mkdir(join(folder, '.tmp'));
    await writeFile(join(folder, '.tmp/old'), 'x');
    await writeFile(join(folder, '.tmp/young'), 'x');
    const longAgo = Date.now() / 1000 - 25 * 3600;
    await utimes(join(folder, '.tmp/old'), longAgo, longAgo);
    const bucket = await openFolder(folder);
    await assertReachable(bucket);
    await probeBucket(bucket);
    expect(await readdir(join(folder, '.tmp'))).toEqual(['old', 'young']);
    for (const prefix of ['', '.', '.tmp', '.tmp/']) {
      for await (const _ of bucket.list(prefix)) expect.unreachable();
    }
    await expect(bucket.get('.tmp/young')).rejects.toSatisfy((error) => hasCode(error, 'BUCKET_KEY_INVALID'));
  });

  test('a process killed in the middle of a put leaves no object', async () => {
    const code = `
      import { openFolder } from '${new URL('./folder.ts', import.meta.url).href}';
      const bucket = await openFolder(process.argv[1]);
      async function* body() {
        yield Buffer.alloc(100_000);
        process.stdout.write('begun');
        await new Promise((resolve) => setTimeout(resolve, 60_000));
      }
      await bucket.put('a/b', body());`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', code, folder]);
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    const bucket = await openFolder(folder);
    expect(await readdir(join(folder, '.tmp'))).toHaveLength(1);
    for await (const _ of bucket.list('')) expect.unreachable();
    await bucket.put('a/b', Buffer.from('x'), { ifAbsent: true });
    expect(await bucket.get('a/b')).toEqual(Buffer.from('x'));
  });

  test.skipIf(process.platform !== 'linux')(
    'a place where no folder can be made is a failure, and no wait',
    async () => {
      const bucket = await openFolder('/proc/waybill');
      await expect(bucket.put('a/b', Buffer.from('x'))).rejects.toMatchObject({ kind: 'failed' });
      expect(await bucket.head('a/b')).toBeNull();
    },
  );

  test('a directory that somebody removed is made anew', async () => {
    const bucket = await openFolder(folder);
    await bucket.put('a/b/1', Buffer.from('x'), { ifAbsent: true });
    await rm(join(folder, 'a/b'), { recursive: true });
    await rm(join(folder, '.tmp'), { recursive: true });
    await bucket.put('a/b/2', Buffer.from('x'), { ifAbsent: true });
    expect(await bucket.head('a/b/2')).not.toBeNull();
  });

  test('a file where a folder is needed, and a name too long, are the key’s fault', async () => {
    const bucket = await openFolder(folder);
    await bucket.put('a', Buffer.from('x'));
    for (const key of ['a/b', `${'x'.repeat(300)}`]) {
      for (const ifAbsent of [true, false]) {
        await expect(bucket.put(key, Buffer.from('x'), { ifAbsent }), key).rejects.toSatisfy((error) =>
          hasCode(error, 'BUCKET_KEY_INVALID'),
        );
      }
    }
    await bucket.put('d/e', Buffer.from('x'));
    await expect(bucket.put('d', Buffer.from('x'))).rejects.toSatisfy((error) =>
      hasCode(error, 'BUCKET_KEY_INVALID'),
    );
    expect(await readdir(join(folder, '.tmp'))).toEqual([]);
  });

  test('lists a directory larger than its window completely and in order', async () => {
    const names = Array.from({ length: 57 }, (_, i) => `${(i * 31) % 57}`.padStart(3, '0'));
    await mkdir(join(folder, 'd/010'), { recursive: true });
    for (const name of names) if (name !== '010') await writeFile(join(folder, 'd', name), name);
    await writeFile(join(folder, 'd/010/x'), 'x');
    for (const window of [1, 2, 5, 56, 57, 58]) {
      const found: string[] = [];
      for await (const { key } of walkFolder(folder, {
        prefix: 'd/',
        startAfter: '',
        hidden: ['.tmp'],
        window,
      })) {
        found.push(key);
      }
      expect(found).toEqual([...names].sort().map((name) => (name === '010' ? 'd/010/x' : `d/${name}`)));
    }
  });
});

describe('failures of the filesystem', () => {
  const failure = (errno: string): Error =>
    Object.assign(new Error(`${errno}: secret path`), { code: errno });

  test.each([
    ['EACCES', 'BUCKET_ACCESS_DENIED', 'usage'],
    ['EROFS', 'BUCKET_ACCESS_DENIED', 'usage'],
    ['EPERM', 'BUCKET_ACCESS_DENIED', 'usage'],
    ['ENOSPC', 'BUCKET_UNAVAILABLE', 'transient'],
    ['EIO', 'BUCKET_UNAVAILABLE', 'transient'],
    ['EMFILE', 'BUCKET_UNAVAILABLE', 'transient'],
    ['ENOENT', 'BUCKET_UNAVAILABLE', 'failed'],
    ['ELOOP', 'BUCKET_UNAVAILABLE', 'failed'],
    ['ENAMETOOLONG', 'BUCKET_KEY_INVALID', 'failed'],
  ])('%s is %s', (errno, code, kind) => {
    const error = folderError(failure(errno), 'write', 'k', '/data');
    expect(error).toMatchObject({ code, kind });
    expect((error as WaybillError).message).not.toContain('secret');
  });

  test.each(['EACCES', 'EIO', 'ENOSPC', 'ENOENT'])(
    '%s names the folder, and no object of the probe',
    (errno) => {
      const error = folderError(failure(errno), 'write', '.waybill-probe-1-plain', '/data') as WaybillError;
      expect(error.message).toContain('/data');
      expect(error.message).not.toContain('waybill-probe');
      expect(error.hint).toBeTruthy();
    },
  );

  test('a full disk says so, and a filesystem without hard links is refused by name', () => {
    expect(folderError(failure('ENOSPC'), 'write', 'k', '/data')).toMatchObject({
      hint: expect.stringContaining('full'),
    });
    for (const errno of ['EPERM', 'ENOTSUP', 'ENOSYS']) {
      const error = linkError(failure(errno), 'k', '/data') as WaybillError;
      expect(error).toMatchObject({
        code: 'BUCKET_ACCESS_DENIED',
        message: expect.stringContaining('hard links'),
      });
    }
    expect(linkError(failure('ENOSPC'), 'k', '/data')).toMatchObject({ code: 'BUCKET_UNAVAILABLE' });
  });
});

describe('openBucket', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await newFolder();
  });
  afterEach(() => rm(folder, { recursive: true }));

  test('opens a path and a file URL', async () => {
    const plain = await openBucket(`${folder}/a b`);
    await plain.put('k', Buffer.from('x'));
    const byUrl = await openBucket(`file://${folder}/a%20b`);
    expect(await byUrl.get('k')).toEqual(Buffer.from('x'));
    expect(byUrl.url).toBe(plain.url);
  });

  test.each(['', ' ', 's3://b/p', 'gs://b', 'ftp://x', 'file://host/x', 's3:/typo', 'constructor:x'])(
    'refuses %j',
    async (url) => {
      await expect(openBucket(url)).rejects.toSatisfy((error) => hasCode(error, 'BUCKET_URL_INVALID'));
    },
  );

  test('refuses a file in the place of the folder', async () => {
    await writeFile(join(folder, 'f'), '');
    await expect(openBucket(join(folder, 'f'))).rejects.toSatisfy((error) =>
      hasCode(error, 'BUCKET_URL_INVALID'),
    );
  });
});
