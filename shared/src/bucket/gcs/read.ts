/**
 * Reads an object, or a range of it, piece by piece. A connection that breaks in the middle is no
 * end: the rest is asked for on a new one, of the same generation, so that no reader ever gets a
 * mixture or a part taken for the whole.
 */
import { isTransient, WaybillError } from '../../base/errors.ts';
import { Retries } from '../../base/retry.ts';
import type { ByteRange, GetOptions } from '../bucket.ts';
import { type GcsClient, REQUEST_RETRY } from './client.ts';
import { Crc32c } from './crc32c.ts';
import { type Asked, brokenAnswer, bucketMissing, missingObject } from './error.ts';
import { asked, objectName, objectPath, type Place } from './object.ts';
import type { OpenAnswer } from './open-answer.ts';
import { isBucketMissing } from './refusal.ts';

/** Held whole, once. */
export async function readWhole(
  client: GcsClient,
  place: Place,
  key: string,
  options: GetOptions,
): Promise<Buffer> {
  let whole = Buffer.alloc(0);
  const onLength = (bytes: number): void => {
    whole = Buffer.allocUnsafeSlow(bytes);
  };
  let at = 0;
  for await (const piece of readPieces(client, place, key, { ...options, onLength })) {
    at += piece.copy(whole, at);
  }
  return whole;
}

export interface ReadOptions extends GetOptions {
  /** Called once, before the first piece. */
  readonly onLength?: (bytes: number) => void;
}

export async function* readPieces(
  client: GcsClient,
  place: Place,
  key: string,
  { range, signal, budget, onLength }: ReadOptions,
): AsyncGenerator<Buffer> {
  const about = asked(place, 'read', key);
  const path = objectPath(place, objectName(place, key));
  checkRange(key, range);
  const crc32c = new Crc32c();
  const wanted: Wanted = {
    at: range?.offset ?? 0,
    end: range && range.offset + range.length,
    generation: undefined,
  };
  let expected: string | undefined;
  let isOpen = false;
  const retries = new Retries(REQUEST_RETRY, { signal, budget });
  for (;;) {
    try {
      using answer = await client.open(requestOf(about, path, wanted), [404, 416], signal);
      await begin(answer, wanted, about);
      if (!isOpen) onLength?.((wanted.end ?? 0) - wanted.at);
      isOpen = true;
      expected ??= range ? undefined : checksumOf(answer);
      for await (const piece of answer.pieces()) {
        wanted.at += piece.length;
        if (wanted.at > (wanted.end ?? 0)) throw brokenAnswer('more bytes came than were asked for', about);
        if (expected) crc32c.update(piece);
        yield piece;
        retries.progressed();
      }
      if (wanted.at < (wanted.end ?? 0)) throw brokenAnswer('its bytes ended early', about);
      break;
    } catch (error) {
      // Broken off after the last byte: there is nothing left to ask for.
      if (isTransient(error) && wanted.at === wanted.end) break;
      await retries.failed(error);
    }
  }
  if (expected && crc32c.toString() !== expected) throw brokenAnswer('it was damaged on its way', about);
}

/** What is still to come. */
interface Wanted {
  at: number;
  /** Known from the first answer on. */
  end: number | undefined;
  /** Of the first answer. */
  generation: string | undefined;
}

function requestOf(about: Asked, path: string, { at, end, generation }: Wanted) {
  return {
    asked: about,
    method: 'GET',
    path,
    query: { alt: 'media', generation },
    headers: {
      // Asked for like this, an object that says that it is gzip comes as it is stored.
      'Accept-Encoding': 'gzip',
      ...(end === undefined ? {} : { Range: `bytes=${at}-${end - 1}` }),
    },
  } as const;
}

/**
 * Looks at the beginning of an answer and learns from it where the bytes end and of which
 * generation they are.
 */
async function begin(answer: OpenAnswer, wanted: Wanted, about: Asked): Promise<void> {
  const { status } = answer;
  if (status === 200 && wanted.end === undefined) {
    const length = answer.header('x-goog-stored-content-length') ?? answer.header('content-length');
    if (length === null) throw brokenAnswer('the answer does not tell its length', about);
    wanted.end = Number(length);
  } else if (status === 206 && wanted.end !== undefined) {
    const [, from, to, size] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(answer.header('content-range') ?? '') ?? [];
    if (Number(from) !== wanted.at) throw brokenAnswer('other bytes came than were asked for', about);
    if (Number(size) < wanted.end) throw rangeInvalid(about.key, wanted, size);
    if (Number(to) !== wanted.end - 1) throw brokenAnswer('fewer bytes came than were asked for', about);
  } else if (status === 416) {
    throw rangeInvalid(
      about.key,
      wanted,
      /^bytes \*\/(\d+)$/.exec(answer.header('content-range') ?? '')?.[1],
    );
  } else if (status === 200) {
    throw new WaybillError(
      'BUCKET_FEATURE_MISSING',
      `the store gives all of ${about.key} where a range was asked for`,
      {
        hint: 'Use a store, or a proxy to it, that honours ranges.',
      },
    );
  } else {
    if (isBucketMissing({ status, text: await answer.text() })) throw bucketMissing(about);
    // Replaced and gone between two parts: read as a whole it was there.
    if (wanted.generation) throw brokenAnswer('it was replaced while it was read', about);
    throw missingObject(about);
  }
  wanted.generation ??= answer.header('x-goog-generation') ?? undefined;
}

function checksumOf(answer: OpenAnswer): string | undefined {
  return /crc32c=([A-Za-z0-9+/=]+)/.exec(answer.header('x-goog-hash') ?? '')?.[1];
}

function checkRange(key: string, range: ByteRange | undefined): void {
  if (!range) return;
  const { offset, length } = range;
  const good = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length > 0;
  if (!good) throw rangeInvalid(key, { at: offset, end: offset + length }, undefined);
}

function rangeInvalid(
  key: string,
  { at, end = at }: Pick<Wanted, 'at' | 'end'>,
  size: string | undefined,
): WaybillError {
  const held = size === undefined ? '' : `; it has ${size} bytes`;
  return new WaybillError(
    'BUCKET_RANGE_INVALID',
    `${end - at} bytes from ${at} are not within ${key}${held}`,
    { context: { key, offset: at, length: end - at } },
  );
}
