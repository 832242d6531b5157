/**
 * The chunks of one resumable upload. After a chunk that failed the store is asked how much of it
 * has arrived, or whether the upload has ended.
 */
import { DEFAULT_RETRY, type RetryBudget, retry } from '../../base/retry.ts';
import type { CallOptions } from '../bucket.ts';
import type { Answer, GcsClient, Request } from './client.ts';
import { type Asked, brokenAnswer } from './error.ts';

const CANCEL_MS = 5_000;
/**
 * To a chunk: more is wanted; the upload is over, which our own retry may have met; somebody was
 * faster.
 */
const EXPECTED = [308, 404, 410, 412];

export interface Chunk {
  readonly bytes: Uint8Array;
  readonly offset: number;
  /** With the last one. */
  readonly whole?: { readonly bytes: number; readonly crc32c: string };
}

export class UploadSession {
  readonly #client: GcsClient;
  readonly #asked: Asked;
  readonly #signal: AbortSignal | undefined;
  readonly #budget: RetryBudget | undefined;
  /** What is in it is a credential: it lets anybody upload. */
  readonly #location: URL;

  private constructor(client: GcsClient, asked: Asked, location: URL, options: CallOptions) {
    this.#client = client;
    this.#asked = asked;
    this.#location = location;
    this.#signal = options.signal;
    this.#budget = options.budget;
  }

  /** Null if the store knows already that the object may not be made. */
  static async begin(
    client: GcsClient,
    request: Request,
    options: CallOptions,
  ): Promise<UploadSession | null> {
    const { asked } = request;
    const answer = await client.call(request, [412], options);
    if (answer.status === 412) return null;
    const location = URL.parse(answer.header('location') ?? '', asked.endpoint);
    if (!location) throw brokenAnswer('the store began an upload and did not say where', asked);
    return new UploadSession(client, asked, location, options);
  }

  /**
   * One chunk, tried again for two minutes; the first chunk, as long as the caller's budget lasts.
   * The answer that ends the upload, or null while it goes on.
   */
  send({ bytes, offset, whole }: Chunk): Promise<Answer | null> {
    const end = offset + bytes.length;
    const total = whole?.bytes ?? '*';
    let at = offset;
    let isKnown = true;
    const attempt = async (): Promise<Answer | null> => {
      if (!isKnown) {
        const query = this.#request([], { 'Content-Range': `bytes */${total}` });
        const answer = await this.#client.once(query, EXPECTED, this.#signal);
        if (answer.status !== 308) return answer;
        at = this.#kept(answer, offset, end);
      }
      isKnown = false;
      while (at < end) {
        const headers = {
          'Content-Range': `bytes ${at}-${end - 1}/${total}`,
          ...(whole && { 'X-Goog-Hash': `crc32c=${whole.crc32c}` }),
        };
        const request = this.#request([bytes.subarray(at - offset)], headers);
        const answer = await this.#client.once(request, EXPECTED, this.#signal);
        if (answer.status !== 308) return answer;
        at = this.#kept(answer, at + 1, end);
      }
      return null;
    };
    const budget = offset === 0 ? this.#budget : undefined;
    return retry(attempt, DEFAULT_RETRY, { signal: this.#signal, budget });
  }

  /** Best effort, and nobody waits for it. */
  cancel(): void {
    const request = { ...this.#request([], {}), method: 'DELETE' } as const;
    this.#client
      .call(request, [404, 410, 499], { signal: AbortSignal.timeout(CANCEL_MS) })
      .catch(() => undefined);
  }

  /** To our endpoint, whatever the store calls itself: the token goes nowhere else. */
  #request(body: readonly Uint8Array[], headers: Readonly<Record<string, string>>): Request {
    const { pathname, searchParams } = this.#location;
    const query = Object.fromEntries(searchParams);
    return { asked: this.#asked, method: 'PUT', path: pathname, query, headers, body };
  }

  /** Up to where the store has the upload. */
  #kept(answer: Answer, from: number, end: number): number {
    const last = /^bytes=0-(\d+)$/.exec(answer.header('range') ?? '')?.[1];
    const kept = last === undefined ? 0 : Number(last) + 1;
    if (kept >= from && kept <= end) return kept;
    throw brokenAnswer('the store has other parts of the upload than were sent', this.#asked);
  }
}
