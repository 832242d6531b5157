/**
 * Requests to the JSON API of Google Cloud Storage, by the SDK's own authenticated client.
 *
 * Not by the SDK's `File`: its calls take no AbortSignal, a put cannot tell its own object from
 * another's after a retry, and its streams wait for ever for a peer that went silent. What the SDK
 * does all the same: credentials, tokens and their renewal, endpoints, TLS and the HTTP exchange.
 *
 * Retries are here and not in the SDK, so that each one waits for its turn (RequestLimiter), ends
 * by the signal, and is known to the put that must find out whose object it met.
 */
import type { Agent } from 'node:http';
import { Readable } from 'node:stream';
import type { Storage } from '@google-cloud/storage';
import { BufferPool } from '../../base/buffer-pool.ts';
import { abortable } from '../../base/lifecycle.ts';
import { type RetryPolicy, retry } from '../../base/retry.ts';
import type { CallOptions } from '../bucket.ts';
import { RequestLimiter } from '../limiter.ts';
import { type Asked, noAnswer, noCredentials, timedOut } from './error.ts';
import { IdleAbort } from './idle-abort.ts';
import { type Exchange, OpenAnswer } from './open-answer.ts';
import { isThrottling, refused } from './refusal.ts';

/** Of single requests. Above it the callers repeat the whole call, for two minutes. */
export const REQUEST_RETRY: RetryPolicy = {
  initialMs: 100,
  maxMs: 5_000,
  factor: 2,
  jitter: 0.5,
  maxAttempts: 5,
  maxElapsedMs: 60_000,
};
/** Pieces of a body on its way out; after each the connection is known to move. */
const SLICE_BYTES = 64 * 1024;

export interface Request {
  readonly asked: Asked;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below the endpoint; encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>> | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: readonly Uint8Array[] | undefined;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  header(name: string): string | null;
}

export interface ClientOptions {
  readonly storage: Storage;
  readonly agent: Agent | ((url: URL) => Agent);
  readonly userProject: string | undefined;
  readonly timeoutMs: number;
}

/** What one put holds of its body, in bytes; a multiple of 256 KiB, which the store wants. */
const CHUNK_BYTES = 8 * 1024 * 1024;
const SPARE_CHUNKS = 4;

export class GcsClient {
  readonly partMemory = new BufferPool(CHUNK_BYTES, SPARE_CHUNKS);
  readonly #options: ClientOptions;
  readonly #limiter = new RequestLimiter({ isThrottling });

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /**
   * A request and its whole answer, again after transient failures. `expected`: refusals that are
   * answers too.
   */
  call(request: Request, expected: readonly number[], { signal, budget }: CallOptions): Promise<Answer> {
    return retry(() => this.once(request, expected, signal), REQUEST_RETRY, { signal, budget });
  }

  /** The same, and once. */
  once(request: Request, expected: readonly number[], signal: AbortSignal | undefined): Promise<Answer> {
    return this.#limiter.run(() => this.#exchange(request, expected, signal), signal);
  }

  /** A request and the beginning of its answer, once; the body is still to come. Dispose it. */
  open(request: Request, expected: readonly number[], signal: AbortSignal | undefined): Promise<OpenAnswer> {
    return this.#limiter.run(() => this.#accepted(request, expected, signal), signal);
  }

  async #exchange(
    request: Request,
    expected: readonly number[],
    signal: AbortSignal | undefined,
  ): Promise<Answer> {
    using answer = await this.#accepted(request, expected, signal);
    return { status: answer.status, text: await answer.text(), header: (name) => answer.header(name) };
  }

  async #accepted(
    request: Request,
    expected: readonly number[],
    signal: AbortSignal | undefined,
  ): Promise<OpenAnswer> {
    const answer = await this.#begin(request, signal);
    const { status, isSuccess } = answer;
    if (isSuccess || expected.includes(status)) return answer;
    using refusal = answer;
    throw refused({ status, text: await refusal.text() }, request.asked);
  }

  async #begin(request: Request, signal: AbortSignal | undefined): Promise<OpenAnswer> {
    const { asked } = request;
    const { storage, timeoutMs } = this.#options;
    const idle = new IdleAbort(timeoutMs, () => timedOut(timeoutMs, asked), signal);
    try {
      const url = this.#url(request);
      // Twice: this one fails by the credentials only, and leaves the token that the request takes.
      await abortable(storage.authClient.getRequestHeaders(url), idle.signal).catch((error: unknown) => {
        throw noCredentials(error, asked);
      });
      idle.wait();
      const response = await abortable(this.#send(request, url, idle), idle.signal);
      idle.wait();
      return new OpenAnswer(response, idle, asked);
    } catch (error) {
      idle[Symbol.dispose]();
      throw noAnswer(error, asked);
    }
  }

  async #send(request: Request, url: string, idle: IdleAbort): Promise<Exchange> {
    const { storage, agent } = this.#options;
    const { method, headers, body } = request;
    const bytes = body?.reduce((sum, part) => sum + part.length, 0);
    const response = await storage.authClient.request<Readable>({
      url,
      method,
      headers: {
        'User-Agent': 'waybill',
        ...headers,
        ...(bytes === undefined ? {} : { 'Content-Length': String(bytes) }),
      },
      ...(body ? { data: Readable.from(slices(body, idle), { objectMode: false }) } : {}),
      agent,
      signal: idle.signal,
      responseType: 'stream',
      // Every status is looked at by us; a redirect would carry the token to another place.
      validateStatus: () => true,
      redirect: 'manual',
      retry: false,
      // Bytes as they are stored: node-fetch would unpack what says that it is gzip.
      ...{ compress: false },
    });
    return { status: response.status, headers: response.headers, body: response.data };
  }

  #url({ path, query = {} }: Request): string {
    const { storage, userProject } = this.#options;
    const parameters = new URLSearchParams();
    for (const [name, value] of Object.entries({ ...query, userProject })) {
      if (value !== undefined) parameters.set(name, value);
    }
    return `${storage.apiEndpoint}${path}${parameters.size > 0 ? `?${parameters}` : ''}`;
  }
}

function* slices(body: readonly Uint8Array[], idle: IdleAbort): Generator<Uint8Array> {
  for (const part of body) {
    for (let at = 0; at < part.length; at += SLICE_BYTES) {
      idle.wait();
      yield part.subarray(at, at + SLICE_BYTES);
    }
  }
}
