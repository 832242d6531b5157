/**
 * Puts one object.
 *
 * 1. What fits into one request is one, with the checksum in it: the store refuses bytes that do not match. Longer bodies
 *    go in chunks of a resumable upload, with the checksum of all of them beside the last one; there is no object
 *    before it.
 * 2. Put-if-absent is `ifGenerationMatch=0`. Each put writes an id of its own into the object's metadata. Whenever it is
 *    not known whose object stands there (a 412, which our own retry may have met, or no answer at all) that id is
 *    read back.
 * 3. After a chunk that failed the store is asked how much of it has arrived, or whether the upload has ended.
 * 4. A crash at any await leaves no object, or a whole one. An upload that was begun and never ended is no object, costs
 *    nothing, and is forgotten by the store after a week.
 */
import { randomUUID } from 'node:crypto';
import { isTransient } from '../../errors.ts';
import { retry } from '../../retry.ts';
import type { PutOptions } from '../bucket.ts';
import { drain } from '../drain.ts';
import { STORAGE_CLASS_FROM_BYTES } from '../store-options.ts';
import { type Answer, type GcsClient, REQUEST_RETRY } from './client.ts';
import { Crc32c } from './crc32c.ts';
import { type Asked, brokenAnswer, objectExists } from './error.ts';
import { asked, type ObjectResource, objectName, objectPath, objectsPath, type Place } from './object.ts';
import { readObject, resourceOf } from './resource.ts';

/** What one put holds of its body, in bytes; a multiple of 256 KiB, which the store wants. */
export const CHUNK_BYTES = 8 * 1024 * 1024;
/** A body in memory up to this goes in one request. */
const WHOLE_BYTES = 16 * 1024 * 1024;
/** The key of the put's id in the object's metadata. */
const PUT_ID = 'waybill-put';
const CANCEL_MS = 5_000;

export async function putObject(
  client: GcsClient,
  place: Place,
  key: string,
  body: Uint8Array | AsyncIterable<Uint8Array>,
  options: PutOptions,
): Promise<void> {
  const put = new Put(client, place, key, options);
  if (!(body instanceof Uint8Array)) await put.stream(body);
  else if (body.length <= WHOLE_BYTES) await put.whole(body);
  else await put.stream(one(body));
}

async function* one(body: Uint8Array): AsyncGenerator<Uint8Array> {
  yield body;
}

/** Where the chunks go. What is in it is a credential: it lets anybody upload. */
interface Session {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
}

class Put {
  readonly #client: GcsClient;
  readonly #place: Place;
  readonly #name: string;
  readonly #asked: Asked;
  readonly #id = randomUUID();
  readonly #ifAbsent: boolean;
  readonly #signal: AbortSignal | undefined;

  constructor(client: GcsClient, place: Place, key: string, { ifAbsent = false, signal }: PutOptions) {
    this.#client = client;
    this.#place = place;
    this.#name = objectName(place, key);
    this.#asked = asked(place, 'write', key);
    this.#ifAbsent = ifAbsent;
    this.#signal = signal;
  }

  /** In one request: the description and the bytes, as the two parts of one body. */
  async whole(bytes: Uint8Array): Promise<void> {
    const crc32c = new Crc32c().update(bytes).toString();
    const boundary = this.#id;
    const description = JSON.stringify({ ...this.#description(bytes.length), crc32c });
    const body = [
      Buffer.from(
        `--${boundary}\r\nContent-Type: application/json\r\n\r\n${description}\r\n` +
          `--${boundary}\r\nContent-Type: application/octet-stream\r\n\r\n`,
      ),
      bytes,
      Buffer.from(`\r\n--${boundary}--\r\n`),
    ];
    await this.#settled(crc32c, () =>
      this.#client.call(
        {
          ...this.#upload('multipart'),
          headers: { 'Content-Type': `multipart/related; boundary=${boundary}` },
          body,
        },
        [412],
        this.#signal,
      ),
    );
  }

  /** In chunks, or in one request if the body turns out to be short. */
  async stream(body: AsyncIterable<Uint8Array>): Promise<void> {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    const crc32c = new Crc32c();
    let filled = 0;
    let sent = 0;
    let session: Session | undefined;
    try {
      // A full chunk is sent when a further byte has come: so the last one is never empty.
      const send = async (): Promise<void> => {
        session ??= await this.#begin();
        crc32c.update(chunk);
        const answer = await this.#send(session, chunk, { offset: sent, total: undefined });
        if (answer) throw brokenAnswer('the store ended the upload before its last chunk', this.#asked);
        sent += filled;
        filled = 0;
      };
      const take = async (piece: Uint8Array): Promise<void> => {
        for (let at = 0; at < piece.length; ) {
          if (filled === CHUNK_BYTES) await send();
          const part = piece.subarray(at, at + CHUNK_BYTES - filled);
          chunk.set(part, filled);
          filled += part.length;
          at += part.length;
        }
      };
      await drain(body, take, this.#signal);
      const last = chunk.subarray(0, filled);
      if (!session) await this.whole(last);
      else await this.#finish(session, last, sent, crc32c.update(last).toString());
    } catch (error) {
      if (session) this.#cancel(session);
      throw error;
    }
  }

  async #begin(): Promise<Session> {
    const body = [Buffer.from(JSON.stringify(this.#description(CHUNK_BYTES)))];
    const headers = { 'Content-Type': 'application/json' };
    const request = { ...this.#upload('resumable'), headers, body };
    const answer = await this.#client.call(request, [412], this.#signal);
    if (answer.status === 412) throw objectExists(this.#asked);
    const location = URL.parse(answer.header('location') ?? '', this.#place.endpoint);
    if (!location) throw brokenAnswer('the store began an upload and did not say where', this.#asked);
    // At our endpoint, whatever the store calls itself: the token goes nowhere else.
    return { path: location.pathname, query: Object.fromEntries(location.searchParams) };
  }

  async #finish(session: Session, last: Uint8Array, offset: number, crc32c: string): Promise<void> {
    await this.#settled(crc32c, async () => {
      const answer = await this.#send(session, last, { offset, total: offset + last.length, crc32c });
      if (answer) return answer;
      throw brokenAnswer('the store has the last chunk and does not end the upload', this.#asked);
    });
  }

  /** One chunk, whatever it takes. The answer that ends the upload, or null while it goes on. */
  #send(session: Session, bytes: Uint8Array, { offset, total, crc32c }: Chunk): Promise<Answer | null> {
    const end = offset + bytes.length;
    const expected = total === undefined ? [308] : ENDED;
    let at = offset;
    let isKnown = true;
    const attempt = async (): Promise<Answer | null> => {
      if (!isKnown) {
        const answer = await this.#client.call(
          this.#part(session, [], { 'Content-Range': `bytes */${total ?? '*'}` }),
          ENDED,
          this.#signal,
        );
        if (answer.status !== 308) return answer;
        at = this.#kept(answer, offset, end);
      }
      isKnown = false;
      while (at < end) {
        const headers = {
          'Content-Range': `bytes ${at}-${end - 1}/${total ?? '*'}`,
          ...(crc32c ? { 'X-Goog-Hash': `crc32c=${crc32c}` } : {}),
        };
        const request = this.#part(session, [bytes.subarray(at - offset)], headers);
        const answer = await this.#client.once(request, expected, this.#signal);
        if (answer.status !== 308) return answer;
        at = this.#kept(answer, at + 1, end);
      }
      return null;
    };
    return retry(attempt, REQUEST_RETRY, { signal: this.#signal });
  }

  #part(session: Session, body: readonly Uint8Array[], headers: Readonly<Record<string, string>>) {
    return { asked: this.#asked, method: 'PUT', ...session, headers, body } as const;
  }

  /** Up to where the store has the upload. */
  #kept(answer: Answer, from: number, end: number): number {
    const last = /^bytes=0-(\d+)$/.exec(answer.header('range') ?? '')?.[1];
    const kept = last === undefined ? 0 : Number(last) + 1;
    if (kept >= from && kept <= end) return kept;
    throw brokenAnswer('the store has other parts of the upload than were sent', this.#asked);
  }

  /** Makes the object, and makes sure that it is ours and undamaged whatever the answer was. */
  async #settled(crc32c: string, make: () => Promise<Answer>): Promise<void> {
    let answer: Answer;
    try {
      answer = await make();
    } catch (error) {
      if (!isTransient(error) || this.#signal?.aborted) throw error;
      const found = await this.#read().catch(() => null);
      if (found && isOurs(found, this.#id)) return this.#check(found, crc32c);
      if (found && this.#ifAbsent) throw objectExists(this.#asked);
      throw error;
    }
    if (answer.status < 300) return this.#check(resourceOf(answer, this.#asked), crc32c);
    const found = await this.#read();
    if (found && isOurs(found, this.#id)) return this.#check(found, crc32c);
    if (found && this.#ifAbsent) throw objectExists(this.#asked);
    throw brokenAnswer('the upload is gone, or an object that was there is', this.#asked);
  }

  /** The store refuses what does not match; this is for one that does not look. */
  async #check({ crc32c, generation }: ObjectResource, expected: string): Promise<void> {
    if (crc32c === undefined || crc32c === expected) return;
    const path = objectPath(this.#place, this.#name);
    const request = {
      asked: this.#asked,
      method: 'DELETE',
      path,
      query: { ifGenerationMatch: generation },
    } as const;
    await this.#client.call(request, [404, 412], this.#signal);
    throw brokenAnswer('it was damaged on its way and has been removed', this.#asked);
  }

  #read(): Promise<ObjectResource | null> {
    return readObject(this.#client, this.#place, this.#name, this.#asked, this.#signal);
  }

  #upload(uploadType: 'multipart' | 'resumable') {
    return {
      asked: this.#asked,
      method: 'POST',
      path: `/upload${objectsPath(this.#place)}`,
      query: {
        uploadType,
        name: this.#name,
        ifGenerationMatch: this.#ifAbsent ? '0' : undefined,
        kmsKeyName: this.#place.kmsKey,
      },
    } as const;
  }

  /** `no-store`: objects that everybody may read are otherwise served from caches for an hour, deleted ones too. */
  #description(bytes: number): object {
    return {
      contentType: 'application/octet-stream',
      cacheControl: 'no-store',
      storageClass: bytes >= STORAGE_CLASS_FROM_BYTES ? this.#place.storageClass : undefined,
      metadata: { [PUT_ID]: this.#id },
    };
  }

  /** Best effort, and nobody waits for it. */
  #cancel(session: Session): void {
    const request = { asked: this.#asked, method: 'DELETE', ...session } as const;
    this.#client.call(request, [404, 410, 499], AbortSignal.timeout(CANCEL_MS)).catch(() => undefined);
  }
}

interface Chunk {
  readonly offset: number;
  /** Bytes of the whole object; only with the last chunk. */
  readonly total: number | undefined;
  readonly crc32c?: string;
}

/** To the last chunk: more is wanted; the upload is over, which our own retry may have met; somebody was faster. */
const ENDED = [308, 404, 410, 412];

function isOurs({ metadata }: ObjectResource, id: string): boolean {
  return metadata?.[PUT_ID] === id;
}
