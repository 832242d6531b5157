/**
 * Actors that use a bucket at once, and what must hold for each of them whatever faults happen.
 * Each has its own keys, and knows exactly what must be there. All of them race for the other keys.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Random } from '@waybill/demo/shop/random';
import { hasCode } from '@waybill/shared/base/errors';
import { type RetryPolicy, retry } from '@waybill/shared/base/retry';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { expect } from 'vitest';
import { awaitUntil } from '../await-until.ts';

const PATIENCE: RetryPolicy = {
  initialMs: 20,
  maxMs: 500,
  factor: 2,
  jitter: 0.5,
  maxAttempts: Number.POSITIVE_INFINITY,
  maxElapsedMs: 60_000,
};
const OWN_KEYS = 10;
const SMALL_BYTES = 64 * 1024;
const MIB = 1024 * 1024;

/**
 * `unknown`: the put failed as transient, and afterwards an object was there, its own or another's.
 */
export interface Attempt {
  readonly body: string;
  readonly result: 'won' | 'taken' | 'unknown';
}

export type Races = Map<string, Attempt[]>;

export class Actor {
  operations = 0;
  readonly #bucket: Bucket;
  readonly #random: Random;
  readonly #name: string;
  readonly #races: Races;
  /** What is there now, or null. */
  readonly #own = new Map<string, Buffer | null>();
  #round = 0;

  constructor(bucket: Bucket, random: Random, name: string, races: Races) {
    this.#bucket = bucket;
    this.#random = random;
    this.#name = name;
    this.#races = races;
  }

  get own(): ReadonlyMap<string, Buffer | null> {
    return this.#own;
  }

  async act(): Promise<void> {
    this.operations += 1;
    const key = `own/${this.#name}/${this.#random.int(OWN_KEYS)}`;
    const chosen = this.#random.next();
    if (chosen < 0.15) await this.#replace(key);
    else if (chosen < 0.25) await this.#create(key);
    else if (chosen < 0.45) await this.#read(key);
    else if (chosen < 0.55) await this.#readRange(key);
    else if (chosen < 0.63) await this.#look(key);
    else if (chosen < 0.7) await this.#list();
    else if (chosen < 0.8) await this.#remove(key);
    else await this.#race();
  }

  /** Several MiB, as a stream; then back as a stream, and a range out of its middle. */
  async bigObject(): Promise<void> {
    this.operations += 1;
    const body = randomBytes(9 * MIB + this.#random.int(9 * MIB));
    const key = `own/${this.#name}/big-${this.operations}`;
    async function* pieces(): AsyncGenerator<Buffer> {
      for (let at = 0; at < body.length; at += 700_001) yield body.subarray(at, at + 700_001);
    }
    let attempts = 0;
    await patiently(async () => {
      attempts += 1;
      await this.#bucket.put(key, pieces(), { ifAbsent: true });
    }).catch((error: unknown) => {
      if (!hasCode(error, 'BUCKET_OBJECT_EXISTS') || attempts === 1) throw error;
    });
    this.#own.set(key, body);
    await this.#present(key, async () => {
      const hash = createHash('sha256');
      for await (const piece of this.#bucket.stream(key)) hash.update(piece);
      expect(hash.digest('hex')).toBe(createHash('sha256').update(body).digest('hex'));
      return true;
    });
    const range = { offset: this.#random.int(8 * MIB), length: MIB };
    await this.#present(key, async () => {
      const part = await this.#bucket.get(key, { range });
      expect(part.equals(body.subarray(range.offset, range.offset + range.length)), key).toBe(true);
      return true;
    });
  }

  async #replace(key: string): Promise<void> {
    const body = this.#body();
    await patiently(() => this.#bucket.put(key, body));
    this.#own.set(key, body);
  }

  /**
   * Put-if-absent of a key that nobody else writes: a refusal is right only if something is there.
   */
  async #create(key: string): Promise<void> {
    const before = this.#own.get(key) ?? null;
    const body = this.#body();
    let attempts = 0;
    try {
      await patiently(async () => {
        attempts += 1;
        await this.#bucket.put(key, body, { ifAbsent: true });
      });
      expect(before, `${key}: a put-if-absent over an object`).toBeNull();
      this.#own.set(key, body);
    } catch (error) {
      if (!hasCode(error, 'BUCKET_OBJECT_EXISTS')) throw error;
      if (before !== null) return;
      expect(attempts, `${key}: refused where nothing was`).toBeGreaterThan(1);
      this.#own.set(key, body);
    }
  }

  async #read(key: string): Promise<void> {
    const expected = this.#own.get(key) ?? null;
    if (expected === null) return this.#absent(key, () => this.#bucket.get(key));
    await this.#present(key, async () => {
      const bytes = await this.#bucket.get(key);
      expect(bytes.equals(expected), `${key}: wrong bytes`).toBe(true);
      return true;
    });
  }

  async #readRange(key: string): Promise<void> {
    const expected = this.#own.get(key) ?? null;
    if (expected === null || expected.length === 0) return;
    const offset = this.#random.int(expected.length);
    const length = 1 + this.#random.int(expected.length - offset);
    await this.#present(key, async () => {
      const bytes = await this.#bucket.get(key, { range: { offset, length } });
      expect(bytes.equals(expected.subarray(offset, offset + length)), `${key}: wrong bytes`).toBe(true);
      return true;
    });
  }

  async #look(key: string): Promise<void> {
    const expected = this.#own.get(key) ?? null;
    const info = await patiently(() => this.#bucket.head(key));
    if (expected === null) expect(info, `${key}: an object that was removed`).toBeNull();
    else if (info) expect(info).toMatchObject({ key, bytes: expected.length });
  }

  async #list(): Promise<void> {
    const prefix = `own/${this.#name}/`;
    const expected = [...this.#own].filter(([, body]) => body !== null).map(([key]) => key);
    await awaitUntil(`a list has all of ${prefix}`, async () => {
      const found = await patiently(() => Array.fromAsync(this.#bucket.list(prefix)));
      const keys = found.map(({ key }) => key);
      expect(keys).toEqual([...keys].sort());
      expect(keys.filter((key) => !expected.includes(key))).toEqual([]);
      for (const { key, bytes } of found) expect(bytes).toBe(this.#own.get(key)?.length);
      return keys.length === expected.length;
    });
  }

  async #remove(key: string): Promise<void> {
    await patiently(() => this.#bucket.delete(key));
    this.#own.set(key, null);
  }

  /** All actors want the same keys in the same order. */
  async #race(): Promise<void> {
    this.#round += 1;
    const key = `race/${String(this.#round).padStart(6, '0')}`;
    const body = `${this.#name}, ${key}, ${this.#random.int(1e9)}`;
    const attempts = this.#races.get(key) ?? [];
    this.#races.set(key, attempts);
    try {
      await this.#bucket.put(key, Buffer.from(body), { ifAbsent: true });
      attempts.push({ body, result: 'won' });
    } catch (error) {
      if (hasCode(error, 'BUCKET_OBJECT_EXISTS')) attempts.push({ body, result: 'taken' });
      else if (hasCode(error, 'BUCKET_UNAVAILABLE')) attempts.push({ body, result: 'unknown' });
      else throw error;
    }
  }

  #body(): Buffer {
    return randomBytes(this.#random.int(this.#random.chance(0.1) ? SMALL_BYTES : 500));
  }

  /** A read may be stale for a while, but must become right. */
  async #present(key: string, read: () => Promise<boolean>): Promise<void> {
    await awaitUntil(`${key} is there`, () =>
      patiently(read).catch((error: unknown) => {
        if (!hasCode(error, 'BUCKET_OBJECT_MISSING')) throw error;
        return false;
      }),
    );
  }

  async #absent(key: string, read: () => Promise<unknown>): Promise<void> {
    const outcome = await patiently(read).then(
      () => 'an object that was removed',
      (error: unknown) => (hasCode(error, 'BUCKET_OBJECT_MISSING') ? 'missing' : error),
    );
    expect(outcome, key).toBe('missing');
  }
}

/** Tries transient failures again, as every user of a bucket does. */
function patiently<T>(call: () => Promise<T>): Promise<T> {
  return retry(call, PATIENCE);
}

/** Checks, without faults, that everything promised holds. */
export async function expectKept(bucket: Bucket, actors: readonly Actor[], races: Races): Promise<void> {
  const own = new Map(actors.flatMap((actor) => [...actor.own].filter(([, body]) => body !== null)));
  const listed = (await Array.fromAsync(bucket.list('own/'))).map(({ key }) => key);
  expect(listed).toEqual([...own.keys()].sort());
  for (const [key, body] of own) expect((await bucket.get(key)).equals(body!), key).toBe(true);
  for (const [key, attempts] of races) {
    const winners = attempts.filter(({ result }) => result === 'won');
    expect(winners.length, `${key} has two winners`).toBeLessThanOrEqual(1);
    const stored = await bucket.get(key).then(
      (bytes) => bytes.toString(),
      () => undefined,
    );
    const possible = attempts.filter(({ result }) => result !== 'taken').map(({ body }) => body);
    if (winners[0]) expect(stored, `${key} was lost`).toBe(winners[0].body);
    else if (stored !== undefined) expect(possible, key).toContain(stored);
    else
      expect(
        attempts.map(({ result }) => result),
        `${key} was taken by nobody`,
      ).not.toContain('taken');
  }
}
