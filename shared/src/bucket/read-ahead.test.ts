import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { awaitUntil } from '@waybill/test/support/await-until';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WaybillError } from '../base/errors.ts';
import { interrupted } from '../base/lifecycle.ts';
import type { Bucket, ByteRange, GetOptions, ObjectReader } from './bucket.ts';
import { openBucket } from './open/open-bucket.ts';
import { type ExpectedRead, ReadAhead } from './read-ahead.ts';

const KIB = 1 << 10;
const SIZES = Array.from({ length: 200 }, (_, at) => 1 + ((at * 7919) % 97) * 100);
const READS: ExpectedRead[] = SIZES.map((bytes, at) => ({ key: `o/${String(at).padStart(3, '0')}`, bytes }));

let folder: string;
let bucket: Bucket;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waybill-ahead-'));
  bucket = await openBucket(folder);
  for (const [at, { key, bytes }] of READS.entries()) await bucket.put(key, Buffer.alloc(bytes, at));
});
afterAll(() => rm(folder, { recursive: true }));

/**
 * The bucket, slower, and whatever `before` does to a request; notes what was asked and what was
 * under way.
 */
class Watched implements ObjectReader {
  readonly asked: string[] = [];
  underWay = 0;
  most = 0;
  readonly #before: (key: string) => unknown;

  constructor(before: (key: string) => unknown = () => undefined) {
    this.#before = before;
  }

  async get(key: string, options?: GetOptions): Promise<Buffer> {
    this.asked.push(key);
    this.most = Math.max(this.most, ++this.underWay);
    try {
      await sleep((key.charCodeAt(4) % 3) + 1, undefined, { signal: options?.signal });
      await this.#before(key);
      return await bucket.get(key, options);
    } finally {
      this.underWay--;
    }
  }
}

const running = (): AbortSignal => new AbortController().signal;

describe('ReadAhead', () => {
  test.each([1, 20 * KIB, 50 * KIB, 10 << 20])(
    'holds at most %i bytes, asks in order and for each once',
    async (bytes) => {
      const watched = new Watched();
      const ahead = new ReadAhead(watched, { bytes, signal: running() });
      for (const read of READS) ahead.expect(read);
      let taken = 0;
      for (const [at, { key, bytes: size }] of READS.entries()) {
        if (at % 40 === 0) await sleep(30);
        // What was asked for and not taken.
        const held = SIZES.slice(taken, watched.asked.length).reduce((sum, one) => sum + one, 0);
        expect(held).toBeLessThanOrEqual(Math.max(bytes, SIZES[taken] ?? 0));
        expect(watched.asked.length).toBeGreaterThan(taken);
        taken++;
        expect(await ahead.get(key)).toEqual(Buffer.alloc(size, at));
      }
      expect(watched.asked).toEqual(READS.map(({ key }) => key));
      // One that is awaited, and the next, where there is no room for more.
      expect(watched.most).toBe(bytes === 1 ? 2 : bytes === 10 << 20 ? 16 : watched.most);
      expect(watched.most).toBeLessThanOrEqual(16);
    },
  );

  test('gives what was not expected, and ranges of one object each by itself', async () => {
    const watched = new Watched();
    const ahead = new ReadAhead(watched, { bytes: KIB, signal: running() });
    const [, , , { key, bytes }] = READS as [ExpectedRead, ExpectedRead, ExpectedRead, ExpectedRead];
    const ranges: ByteRange[] = [
      { offset: 0, length: 10 },
      { offset: 5, length: 20 },
    ];
    for (const range of ranges) ahead.expect({ key, range, bytes: range.length });
    for (const range of ranges) expect(await ahead.get(key, { range })).toHaveLength(range.length);
    expect(await ahead.get(key)).toHaveLength(bytes);
    expect(watched.asked).toEqual([key, key, key]);
  });

  test('does not wait for room where one is taken before its turn', async () => {
    const ahead = new ReadAhead(new Watched(), { bytes: 1, signal: running() });
    for (const read of READS.slice(0, 4)) ahead.expect(read);
    for (const at of [3, 2, 1, 0]) expect(await ahead.get(READS[at]?.key ?? '')).toHaveLength(SIZES[at] ?? 0);
  });

  test('forgets what failed ahead, and leaves what fails in its turn to the taker', async () => {
    let isBroken = true;
    const watched = new Watched((key) => {
      if (isBroken && key === READS[2]?.key) throw new WaybillError('BUCKET_UNAVAILABLE', 'for a while');
    });
    const ahead = new ReadAhead(watched, { bytes: 10 << 20, signal: running() });
    for (const read of READS.slice(0, 5)) ahead.expect(read);
    const broken = ahead.get('o/002');
    await expect(broken).rejects.toMatchObject({ code: 'BUCKET_UNAVAILABLE' });

    ahead.expect({ key: 'o/002', bytes: SIZES[2] ?? 0 });
    await sleep(50);
    isBroken = false;
    for (const [at, { key }] of READS.slice(0, 5).entries()) {
      expect(await ahead.get(key)).toHaveLength(SIZES[at] ?? 0);
    }
    expect(watched.asked.filter((key) => key === 'o/002')).toHaveLength(3);
  });

  test('what failed ahead leaves its room to the next', async () => {
    const watched = new Watched((key) => {
      if (key < 'o/100') throw new WaybillError('BUCKET_UNAVAILABLE', 'for ever');
    });
    const ahead = new ReadAhead(watched, { bytes: 1, signal: running() });
    for (const read of READS.slice(95, 102)) ahead.expect(read);
    await awaitUntil('six reads are asked for', () => watched.asked.length >= 6);
    await sleep(100);
    expect(watched.asked).toEqual(READS.slice(95, 101).map(({ key }) => key));
  });

  test('ends on its signal, and on the taker’s', async () => {
    const stop = new AbortController();
    const patience = new AbortController();
    const watched = new Watched((key) =>
      key === 'o/001' ? sleep(60_000, undefined, { signal: stop.signal }) : undefined,
    );
    const ahead = new ReadAhead(watched, { bytes: 10 << 20, signal: stop.signal });
    for (const read of READS) ahead.expect(read);
    const impatient = ahead.get('o/001', { signal: patience.signal });
    patience.abort(interrupted('enough'));
    await expect(impatient).rejects.toMatchObject({ code: 'INTERRUPTED', message: 'enough' });

    stop.abort(interrupted('all of it'));
    const asked = watched.asked.length;
    await sleep(20);
    expect(watched.asked).toHaveLength(asked);
    expect(watched.underWay).toBe(0);
  });
});
