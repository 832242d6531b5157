/**
 * Puts one object.
 *
 * 1. What fits into one request is one, with the checksum in it: the store refuses bytes that do
 *    not match. Longer bodies go in chunks of a resumable upload, with the checksum of all of them
 *    beside the last one; there is no object before it.
 * 2. Put-if-absent is `ifGenerationMatch=0`. Each put writes an id of its own into the object's
 *    metadata. Whenever it is not known whose object stands there (a 412, which our own retry may
 *    have met, or no answer at all) that id is read back.
 * 3. A crash at any await leaves no object, or a whole one. An upload that was begun and never
 *    ended is no object, costs nothing, and is forgotten by the store after a week.
 */
import { randomUUID } from 'node:crypto';
import { isTransient } from '../../base/errors.ts';
import { sleep, throwIfAborted } from '../../base/lifecycle.ts';
import type { CallOptions, PutOptions } from '../bucket.ts';
import { cutParts } from '../cut-parts.ts';
import { STORAGE_CLASS_FROM_BYTES } from '../store-options.ts';
import type { Answer, GcsClient } from './client.ts';
import { Crc32c } from './crc32c.ts';
import { type Asked, brokenAnswer, objectExists } from './error.ts';
import { asked, type ObjectResource, objectName, objectPath, objectsPath, type Place } from './object.ts';
import { readObject, resourceOf } from './resource.ts';
import { UploadSession } from './upload-session.ts';

/** A body in memory up to this goes in one request. */
const WHOLE_BYTES = 16 * 1024 * 1024;
/** The key of the put's id in the object's metadata. */
const PUT_ID = 'waybill-put';
/**
 * Pauses before the looks for an object that must be there: a proxy may still say that it is not.
 */
const LOOKS_MS = [0, 100, 400];

export async function putObject(
  client: GcsClient,
  place: Place,
  key: string,
  body: Uint8Array | AsyncIterable<Uint8Array>,
  options: PutOptions,
): Promise<void> {
  const put = new Put(client, place, key, options);
  if (body instanceof Uint8Array && body.length <= WHOLE_BYTES) await put.whole(body);
  else await put.stream(body);
}

class Put {
  readonly #client: GcsClient;
  readonly #place: Place;
  readonly #name: string;
  readonly #asked: Asked;
  readonly #id = randomUUID();
  readonly #ifAbsent: boolean;
  readonly #call: CallOptions;

  constructor(
    client: GcsClient,
    place: Place,
    key: string,
    { ifAbsent = false, signal, budget }: PutOptions,
  ) {
    this.#client = client;
    this.#place = place;
    this.#name = objectName(place, key);
    this.#asked = asked(place, 'write', key);
    this.#ifAbsent = ifAbsent;
    this.#call = { signal, budget };
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
    const headers = { 'Content-Type': `multipart/related; boundary=${boundary}` };
    const request = { ...this.#upload('multipart'), headers, body };
    await this.#settled(crc32c, () => this.#client.call(request, [412], this.#call));
  }

  /** In chunks, or in one request if the body turns out to be short. */
  async stream(body: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
    const crc32c = new Crc32c();
    let offset = 0;
    let session: UploadSession | undefined;
    try {
      for await (const { bytes, isLast, release } of cutParts(
        body,
        this.#client.partMemory,
        this.#call.signal,
      )) {
        if (isLast && !session) {
          await this.whole(bytes);
          release();
          return;
        }
        session ??= await this.#begin();
        crc32c.update(bytes);
        if (isLast) {
          await this.#finish(session, bytes, offset, crc32c.toString());
          release();
          return;
        }
        const end = await session.send({ bytes, offset });
        if (end) throw brokenAnswer('the store ended the upload before its last chunk', this.#asked);
        release();
        offset += bytes.length;
      }
      await this.whole(Buffer.alloc(0));
    } catch (error) {
      session?.cancel();
      throw error;
    }
  }

  async #begin(): Promise<UploadSession> {
    const body = [Buffer.from(JSON.stringify(this.#description(this.#client.partMemory.size)))];
    const headers = { 'Content-Type': 'application/json' };
    const request = { ...this.#upload('resumable'), headers, body };
    const session = await UploadSession.begin(this.#client, request, this.#call);
    if (!session) throw objectExists(this.#asked);
    return session;
  }

  async #finish(session: UploadSession, bytes: Uint8Array, offset: number, crc32c: string): Promise<void> {
    await this.#settled(crc32c, async () => {
      const end = await session.send({ bytes, offset, whole: { bytes: offset + bytes.length, crc32c } });
      if (end) return end;
      throw brokenAnswer('the store has the last chunk and does not end the upload', this.#asked);
    });
  }

  /** Makes the object, and makes sure that it is ours and undamaged whatever the answer was. */
  async #settled(crc32c: string, make: () => Promise<Answer>): Promise<void> {
    let answer: Answer;
    try {
      answer = await make();
    } catch (error) {
      if (!isTransient(error) || this.#call.signal?.aborted) throw error;
      const found = await this.#read().catch(() => null);
      if (found && isOurs(found, this.#id)) return this.#check(found, crc32c);
      if (found && this.#ifAbsent) throw objectExists(this.#asked);
      // The look was cut short: that is what has come of it.
      throwIfAborted(this.#call.signal);
      throw error;
    }
    if (answer.status < 300) return this.#check(resourceOf(answer, this.#asked), crc32c);
    for (const pauseMs of LOOKS_MS) {
      await sleep(pauseMs, this.#call.signal);
      const found = await this.#read();
      if (found && isOurs(found, this.#id)) return this.#check(found, crc32c);
      if (found && this.#ifAbsent) throw objectExists(this.#asked);
    }
    throw brokenAnswer('the upload is gone, or the object that was in its way', this.#asked);
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
    await this.#client.call(request, [404, 412], this.#call);
    throw brokenAnswer('it was damaged on its way and has been removed', this.#asked);
  }

  #read(): Promise<ObjectResource | null> {
    return readObject(this.#client, this.#place, this.#name, this.#asked, this.#call);
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

  /**
   * `no-store`: objects that everybody may read are otherwise served from caches for an hour,
   * deleted ones too.
   */
  #description(bytes: number): object {
    return {
      contentType: 'application/octet-stream',
      cacheControl: 'no-store',
      storageClass: bytes >= STORAGE_CLASS_FROM_BYTES ? this.#place.storageClass : undefined,
      metadata: { [PUT_ID]: this.#id },
    };
  }
}

function isOurs({ metadata }: ObjectResource, id: string): boolean {
  return metadata?.[PUT_ID] === id;
}
