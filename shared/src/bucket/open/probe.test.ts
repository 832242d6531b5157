import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ErrorCode } from '../../base/error-codes.ts';
import { hasCode, WaybillError } from '../../base/errors.ts';
import type { Bucket } from '../bucket.ts';
import { openFolder } from '../folder/folder.ts';
import { assertReachable, probeBucket } from './probe.ts';

let path: string;
let folder: Bucket;
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'waybill-probe-'));
  folder = await openFolder(path);
});
afterEach(() => rm(path, { recursive: true }));

/** The folder, but for one promise that it does not keep. */
function breaking(over: Partial<Bucket>): Bucket {
  return new Proxy(folder, {
    get: (target, name) => {
      const own = Reflect.get(over, name);
      const value = own ?? Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(own ? over : target) : value;
    },
  });
}

async function left(): Promise<string[]> {
  return (await readdir(path)).filter((name) => name !== '.tmp');
}

const missing = (feature: string) => (error: unknown) =>
  hasCode(error, 'BUCKET_FEATURE_MISSING') && error.message.includes(feature);

describe('a probe', () => {
  test('lets a folder pass and leaves nothing', async () => {
    expect(await probeBucket(folder)).toEqual({ unfenced: undefined });
    expect(folder.unfenced).toBeUndefined();
    expect(await left()).toEqual([]);
  });

  const overwriting: Partial<Bucket> = { put: (key, body) => folder.put(key, body) };
  /** Looks, and then puts: right for one at a time. */
  const looking: Partial<Bucket> = {
    put: async (key, body, options) => {
      if (options?.ifAbsent && (await folder.head(key))) throw new WaybillError('BUCKET_OBJECT_EXISTS', key);
      await folder.put(key, body);
    },
  };
  /** Says that it refused, after it did not. */
  const harming: Partial<Bucket> = {
    put: async (key, body, options) => {
      const there = await folder.head(key);
      await folder.put(key, body);
      if (options?.ifAbsent && there) throw new WaybillError('BUCKET_OBJECT_EXISTS', key);
    },
  };
  const refusing: Partial<Bucket> = {
    put: async (key, body, options) => {
      if (options?.ifAbsent) throw new WaybillError('BUCKET_FEATURE_MISSING', 'not implemented');
      await folder.put(key, body);
    },
  };

  test.each([
    ['overwrites', overwriting, 'was not refused'],
    ['is exact only for one writer', looking, 'puts at once won'],
    ['harms what is there', harming, 'replaced the object'],
    ['has no such thing', refusing, 'not implemented'],
  ])('refuses a store whose put-if-absent %s, unless the operator takes it on', async (_, over, feature) => {
    const bucket = breaking(over);
    await expect(probeBucket(bucket)).rejects.toSatisfy(missing(feature));
    expect(bucket.unfenced).toBeUndefined();
    expect(await left()).toEqual([]);
    const probed = await probeBucket(bucket, { unsafeSingleWriter: true });
    expect(probed.unfenced).toContain(feature);
    expect(bucket.unfenced).toBe(true);
    expect(await left()).toEqual([]);
  });

  test('keeps fencing where the store has it, whatever the operator says', async () => {
    expect(await probeBucket(folder, { unsafeSingleWriter: true })).toEqual({ unfenced: undefined });
    expect(folder.unfenced).toBeUndefined();
  });

  const ranges: Partial<Bucket> = { get: (key) => folder.get(key) };
  const stale: Partial<Bucket> = {
    list: async function* () {
      yield* [];
    },
  };
  const keeping: Partial<Bucket> = { delete: async () => undefined };
  test.each([
    ['ranged reads', ranges, 'ranged reads'],
    ['a listing that is up to date', stale, 'listing'],
    ['deleting', keeping, 'deleting'],
  ])('refuses a store without %s, also for a single writer', async (_, over, feature) => {
    for (const unsafeSingleWriter of [false, true]) {
      await expect(probeBucket(breaking(over), { unsafeSingleWriter })).rejects.toSatisfy(missing(feature));
    }
  });

  test('takes one stale answer, or one that did not come, for what it is, whichever read it is', async () => {
    for (const code of ['BUCKET_OBJECT_MISSING', 'BUCKET_UNAVAILABLE'] satisfies ErrorCode[]) {
      let reads: number;
      let failing = 0;
      do {
        reads = 0;
        const bucket = breaking({
          get: (key, options) => {
            if (reads++ === failing) throw new WaybillError(code, key);
            return folder.get(key, options);
          },
        });
        expect(await probeBucket(bucket)).toEqual({ unfenced: undefined });
      } while (++failing < reads);
      expect(failing).toBeGreaterThan(2);
    }
  });

  test('what the store refuses comes through', async () => {
    const denied = new WaybillError('BUCKET_ACCESS_DENIED', 'no');
    const bucket = breaking({ put: () => Promise.reject(denied) });
    await expect(probeBucket(bucket, { unsafeSingleWriter: true })).rejects.toBe(denied);
  });

  test('removes nothing but its own, however old it is', async () => {
    const longAgo = Date.now() / 1000 - 25 * 3600;
    const names = ['.waybill-probe-notes', 'waybill-probe-old'];
    for (const name of names) {
      await writeFile(join(path, name), 'x');
      await utimes(join(path, name), longAgo, longAgo);
    }
    await probeBucket(folder);
    expect((await left()).sort()).toEqual(names);
  });
});

test('a bucket that cannot be reached is found out at once, one that is empty is not', async () => {
  await assertReachable(folder);
  const denied = new WaybillError('BUCKET_ACCESS_DENIED', 'no');
  await expect(assertReachable(breaking({ head: () => Promise.reject(denied) }))).rejects.toBe(denied);
  const away = new WaybillError('BUCKET_UNAVAILABLE', 'no answer');
  const begun = performance.now();
  await expect(assertReachable(breaking({ head: () => Promise.reject(away) }))).rejects.toBe(away);
  expect(performance.now() - begun).toBeLessThan(10_000);
});
