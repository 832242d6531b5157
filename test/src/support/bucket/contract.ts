/**
 * The suite that every store runs: what bucket.ts promises, one test a promise. Each test has a
 * bucket of its own.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { hasCode, WaybillError } from '@waybill/shared/base/errors';
import type { Bucket, ObjectInfo } from '@waybill/shared/bucket/bucket';
import type { StoreOptions } from '@waybill/shared/bucket/store-options';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

export interface ContractBucket {
  readonly bucket: Bucket;
  /** What openBucket takes to reach the same bucket from another process. */
  readonly url: string;
  readonly store?: StoreOptions | undefined;
  /** Bytes that a streamed put or read of any size may hold at once. */
  readonly heldBytes: number;
  remove(): Promise<void>;
}

const MIB = 1024 * 1024;
const CHILD = fileURLToPath(new URL('./contract-child.ts', import.meta.url));
const bytes = (text: string): Buffer => Buffer.from(text);

export function describeBucketContract(name: string, open: () => Promise<ContractBucket>): void {
  describe(`bucket contract: ${name}`, () => {
    let opened: ContractBucket;
    let bucket: Bucket;
    beforeEach(async () => {
      opened = await open();
      bucket = opened.bucket;
    });
    afterEach(async () => {
      await bucket.close();
      await opened.remove();
    });

    test('gives back what was put, and replaces it without ifAbsent', async () => {
      await bucket.put('a/b.json', bytes('one'));
      expect(await bucket.get('a/b.json')).toEqual(bytes('one'));
      await bucket.put('a/b.json', bytes('three'));
      expect(await bucket.get('a/b.json')).toEqual(bytes('three'));
      const info = await bucket.head('a/b.json');
      expect(info).toMatchObject({ key: 'a/b.json', bytes: 5 });
      expect(Math.abs(info!.modifiedAt - Date.now())).toBeLessThan(10 * 60_000);
    });

    test('holds an object of no bytes', async () => {
      await bucket.put('empty', bytes(''), { ifAbsent: true });
      expect(await bucket.get('empty')).toHaveLength(0);
      expect((await collect(bucket.stream('empty'))).bytes).toBe(0);
      expect(await bucket.head('empty')).toMatchObject({ bytes: 0 });
      await expect(bucket.put('empty', bytes('x'), { ifAbsent: true })).rejects.toSatisfy(
        code('BUCKET_OBJECT_EXISTS'),
      );
    });

    test('put-if-absent leaves what is there unharmed', async () => {
      await bucket.put('k', bytes('first'), { ifAbsent: true });
      await expect(bucket.put('k', bytes('second'), { ifAbsent: true })).rejects.toSatisfy(
        code('BUCKET_OBJECT_EXISTS'),
      );
      expect(await bucket.get('k')).toEqual(bytes('first'));
      await bucket.delete('k');
      await bucket.put('k', bytes('third'), { ifAbsent: true });
      expect(await bucket.get('k')).toEqual(bytes('third'));
    });

    test('of many puts-if-absent at once exactly one succeeds', async () => {
      for (let round = 0; round < 20; round++) {
        const key = `race/${round}`;
        const puts = Array.from({ length: 16 }, (_, i) =>
          bucket.put(key, bytes(`writer ${i}`), { ifAbsent: true }),
        );
        const outcomes = await Promise.allSettled(puts);
        const winners = outcomes.flatMap((outcome, i) => (outcome.status === 'fulfilled' ? [i] : []));
        expect(winners).toHaveLength(1);
        expect(await bucket.get(key)).toEqual(bytes(`writer ${winners[0]}`));
        for (const outcome of outcomes) {
          if (outcome.status === 'rejected') expect(outcome.reason).toSatisfy(code('BUCKET_OBJECT_EXISTS'));
        }
      }
    });

    test('of several processes exactly one wins each key', { timeout: 60_000 }, async () => {
      const rounds = 60;
      const names = ['alpha', 'beta', 'gamma'];
      const won = await Promise.all(
        names.map(async (child): Promise<number[]> => {
          const args = [CHILD, opened.url, 'race/', String(rounds), child];
          const env = { ...process.env, CONTRACT_STORE: JSON.stringify(opened.store ?? {}) };
          return JSON.parse((await promisify(execFile)(process.execPath, args, { env })).stdout);
        }),
      );
      expect(won.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: rounds }, (_, i) => i));
      for (const [i, mine] of won.entries()) {
        for (const round of mine) expect((await bucket.get(`race/${round}`)).toString()).toBe(names[i]);
      }
    });

    test('shows nothing of an object before all of it', async () => {
      const gate = Promise.withResolvers<void>();
      const begun = Promise.withResolvers<void>();
      async function* body(): AsyncGenerator<Buffer> {
        yield Buffer.alloc(MIB, 1);
        begun.resolve();
        await gate.promise;
        yield Buffer.alloc(MIB, 2);
      }
      const put = bucket.put('big', body(), { ifAbsent: true });
      await begun.promise;
      expect(await bucket.head('big')).toBeNull();
      await expect(bucket.get('big')).rejects.toSatisfy(code('BUCKET_OBJECT_MISSING'));
      expect(await keys(bucket.list(''))).toEqual([]);
      gate.resolve();
      await put;
      expect(await bucket.head('big')).toMatchObject({ bytes: 2 * MIB });
    });

    test('a reader of an object that is being replaced sees one version whole', async () => {
      const version = (i: number): Buffer => Buffer.alloc(64 * 1024 + i, i);
      await bucket.put('k', version(0));
      let done = false;
      const writing = (async () => {
        for (let i = 1; i <= 40; i++) await bucket.put('k', version(i));
        done = true;
      })();
      let reads = 0;
      while (!done || reads === 0) {
        const seen = await bucket.get('k');
        expect(seen.equals(version(seen[0]!))).toBe(true);
        reads++;
      }
      await writing;
    });

    test('a body that fails midway leaves nothing, and its error comes through', async () => {
      const failure = new WaybillError('INTERNAL', 'the body failed');
      async function* body(): AsyncGenerator<Buffer> {
        yield Buffer.alloc(MIB);
        throw failure;
      }
      for (const ifAbsent of [true, false])
        await expect(bucket.put('k', body(), { ifAbsent })).rejects.toBe(failure);
      expect(await bucket.head('k')).toBeNull();
      expect(await keys(bucket.list(''))).toEqual([]);
    });

    test('an abort ends a put at once, even if the body hangs, and leaves nothing', async () => {
      const controller = new AbortController();
      const reason = new WaybillError('INTERRUPTED', 'enough');
      async function* body(): AsyncGenerator<Buffer> {
        yield Buffer.alloc(10);
        controller.abort(reason);
        await new Promise(() => undefined);
      }
      await expect(bucket.put('k', body(), { signal: controller.signal })).rejects.toBe(reason);
      expect(await bucket.head('k')).toBeNull();
    });

    test('an aborted signal rejects every call with its reason', async () => {
      await bucket.put('k', bytes('x'));
      const reason = new WaybillError('INTERRUPTED', 'enough');
      const signal = AbortSignal.abort(reason);
      await expect(bucket.put('k', bytes('y'), { signal })).rejects.toBe(reason);
      await expect(bucket.get('k', { signal })).rejects.toBe(reason);
      await expect(collect(bucket.stream('k', { signal }))).rejects.toBe(reason);
      await expect(bucket.head('k', { signal })).rejects.toBe(reason);
      await expect(keys(bucket.list('', { signal }))).rejects.toBe(reason);
      await expect(bucket.delete('k', { signal })).rejects.toBe(reason);
      expect(await bucket.get('k')).toEqual(bytes('x'));
    });

    test('ranges are exact, and refused where they leave the object', async () => {
      await bucket.put('k', bytes('0123456789'));
      for (const [offset, length, expected] of [
        [0, 1, '0'],
        [3, 4, '3456'],
        [9, 1, '9'],
        [0, 10, '0123456789'],
      ] as const) {
        const range = { offset, length };
        expect((await bucket.get('k', { range })).toString()).toBe(expected);
        expect((await collect(bucket.stream('k', { range }))).sha256).toBe(sha256(bytes(expected)));
      }
      for (const range of [
        { offset: 0, length: 11 },
        { offset: 9, length: 2 },
        { offset: 10, length: 1 },
        { offset: -1, length: 2 },
        { offset: 0, length: 0 },
        { offset: 0.5, length: 1 },
      ]) {
        await expect(bucket.get('k', { range })).rejects.toSatisfy(code('BUCKET_RANGE_INVALID'));
        await expect(collect(bucket.stream('k', { range }))).rejects.toSatisfy(code('BUCKET_RANGE_INVALID'));
      }
    });

    test('what is missing is called missing, by every call that needs it', async () => {
      await bucket.put('a/b', bytes('x'));
      for (const key of ['c', 'a', 'a/c', 'a/b/c']) {
        await expect(bucket.get(key)).rejects.toSatisfy(code('BUCKET_OBJECT_MISSING'));
        await expect(collect(bucket.stream(key))).rejects.toSatisfy(code('BUCKET_OBJECT_MISSING'));
        expect(await bucket.head(key)).toBeNull();
        await bucket.delete(key);
      }
      expect(await bucket.get('a/b')).toEqual(bytes('x'));
    });

    test('delete is idempotent', async () => {
      await bucket.put('a/b', bytes('x'));
      await bucket.delete('a/b');
      await bucket.delete('a/b');
      expect(await bucket.head('a/b')).toBeNull();
      expect(await keys(bucket.list(''))).toEqual([]);
    });

    test("lists in the order of the keys' UTF-8 bytes, by prefix and from a key on", async () => {
      const names = [
        ...[
          'a-b',
          'a.b',
          'a/b',
          'a/b-c',
          'a/c/d',
          'a/c!',
          'a0',
          'a b',
          'A',
          'b/%2E.x',
          'b/+',
          "b/'~",
          'b/#?',
        ],
        ...['é', 'z/é', 'z/\u{1f600}', 'z/\uff5e', 'z/\u{1f600}/x', 'zz'],
      ];
      // One of these is a directory of the other in a folder, which no key of Waybill's needs.
      const all = names.filter((key) => !names.some((other) => other.startsWith(`${key}/`)));
      const sorted = [...all].sort((a, b) => Buffer.compare(bytes(a), bytes(b)));
      for (const key of all) await bucket.put(key, bytes(key));
      expect(await keys(bucket.list(''))).toEqual(sorted);
      for (const prefix of ['a', 'a/', 'a/c', 'a/b', 'b/', 'z', 'z/', 'é', 'none', 'none/']) {
        const expected = sorted.filter((key) => key.startsWith(prefix));
        expect(await keys(bucket.list(prefix)), prefix).toEqual(expected);
        for (const startAfter of [...sorted, 'a/', 'a', 'a/b0', 'zzz', '0']) {
          const later = expected.filter((key) => Buffer.compare(bytes(key), bytes(startAfter)) > 0);
          expect(await keys(bucket.list(prefix, { startAfter })), `${prefix} after ${startAfter}`).toEqual(
            later,
          );
        }
      }
      for await (const info of bucket.list('')) expect(info.bytes).toBe(bytes(info.key).length);
    });

    test('refuses keys that are no keys', async () => {
      for (const key of ['', '/a', 'a/', 'a//b', '.', '..', '../a', 'a/../b', 'a/./b', 'a\0b', 'a\ud800']) {
        await expect(bucket.put(key, bytes('x')), key).rejects.toSatisfy(code('BUCKET_KEY_INVALID'));
        await expect(bucket.get(key), key).rejects.toSatisfy(code('BUCKET_KEY_INVALID'));
        await expect(bucket.delete(key), key).rejects.toSatisfy(code('BUCKET_KEY_INVALID'));
      }
    });

    test('streams a large object in and out without holding it', { timeout: 60_000 }, async () => {
      const piece = Buffer.alloc(MIB, 7);
      const expected = createHash('sha256');
      let held = 0;
      const base = heldNow();
      async function* body(): AsyncGenerator<Buffer> {
        for (let i = 0; i < 64; i++) {
          piece.writeUInt32LE(i);
          expected.update(piece);
          if (i % 16 === 15) held = Math.max(held, heldNow() - base);
          yield Buffer.from(piece);
        }
      }
      await bucket.put('large', body(), { ifAbsent: true });
      let pieces = 0;
      const read = await collect(bucket.stream('large'), () => {
        if (pieces++ % 16 === 15) held = Math.max(held, heldNow() - base);
      });
      expect(read).toEqual({ bytes: 64 * MIB, sha256: expected.digest('hex') });
      expect(pieces).toBeGreaterThan(7);
      expect(held).toBeLessThan(opened.heldBytes);
    });
  });
}

const code = (expected: WaybillError['code']) => (error: unknown) => hasCode(error, expected);

const sha256 = (body: Buffer): string => createHash('sha256').update(body).digest('hex');

async function keys(listed: AsyncIterable<ObjectInfo>): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of listed) found.push(key);
  return found;
}

async function collect(
  body: AsyncIterable<Buffer>,
  onPiece?: () => void,
): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let total = 0;
  for await (const piece of body) {
    hash.update(piece);
    total += piece.length;
    onPiece?.();
  }
  return { bytes: total, sha256: hash.digest('hex') };
}

let collectGarbage: (() => void) | undefined;

/** Bytes of buffers that something still refers to. */
function heldNow(): number {
  if (!collectGarbage) {
    setFlagsFromString('--expose-gc');
    collectGarbage = runInNewContext('gc') as () => void;
  }
  collectGarbage();
  // Buffers are swept beside the program; a second collection waits for the first one's sweep.
  collectGarbage();
  return process.memoryUsage().arrayBuffers;
}
