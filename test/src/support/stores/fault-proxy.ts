/**
 * A proxy on the loopback interface, between a client and a store. It draws at most one fault for
 * each request, from a seed; FAULTS says what each does. It holds whole answers, since the objects
 * of tests are small.
 */
import { Agent, createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Fault, FaultPlan, type FaultRates } from './faults.ts';
import { type Answer, forward } from './forward.ts';
import {
  type Exchange,
  GCS_PROTOCOL,
  type RefusalStatus,
  S3_PROTOCOL,
  type StoreProtocol,
} from './protocol.ts';
import { ResumableUploads } from './resumable.ts';

export interface FaultProxyOptions {
  /** Of the store. */
  readonly upstream: string;
  readonly protocol: 's3' | 'gcs';
  readonly seed: number;
  readonly rates?: FaultRates;
  /** The longest latency. Default 50. */
  readonly latencyMs?: number;
  /**
   * How long the connection stays silent after a lost answer, one time in eight; otherwise a
   * twentieth of that. Longer than the client's time-out, it is a time-out. Default 100.
   */
  readonly silenceMs?: number;
  /** How long a new object may seem to be missing. Default 200. */
  readonly staleMs?: number;
}

const REFUSALS: Partial<Record<Fault, RefusalStatus>> = {
  'error-500': 500,
  'slow-down': 503,
  'too-many': 429,
};

export class FaultProxy implements AsyncDisposable {
  /** Requests that came. */
  requests = 0;
  /** The most requests under way at once. */
  mostAtOnce = 0;
  /** Bytes of answers that were sent whole. */
  sentBytes = 0;
  #underWay = 0;
  readonly #options: Required<Omit<FaultProxyOptions, 'protocol' | 'rates'>>;
  readonly #protocol: StoreProtocol;
  readonly #plan: FaultPlan;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#underWay);
    this.#handle(request, response)
      .catch(() => request.socket.destroy())
      .finally(() => this.#underWay--);
  });
  readonly #uploads = new ResumableUploads();
  /** When each object became visible, by our clock. */
  readonly #visible = new Map<string, number>();

  constructor({ protocol, rates = {}, ...options }: FaultProxyOptions) {
    this.#options = { latencyMs: 50, silenceMs: 100, staleMs: 200, ...options };
    this.#protocol = protocol === 's3' ? S3_PROTOCOL : GCS_PROTOCOL;
    this.#plan = new FaultPlan(options.seed);
    this.#plan.set(rates);
  }

  static async start(options: FaultProxyOptions): Promise<FaultProxy> {
    const proxy = new FaultProxy(options);
    await new Promise<void>((resolve) => {
      proxy.#server.listen(0, '127.0.0.1', resolve);
    });
    return proxy;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** How often each fault has happened. */
  get counts(): Readonly<Record<Fault, number>> {
    return this.#plan.counts;
  }

  /** From the next request on. Without rates nothing is broken. */
  set(rates: FaultRates): void {
    this.#plan.set(rates);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    this.#agent.destroy();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests += 1;
    const exchange = { method: request.method ?? '', url: new URL(request.url ?? '/', this.endpoint) };
    const fault = this.#plan.draw(this.#possible(exchange, request));
    if (fault) this.#plan.counts[fault] += 1;
    if (fault === 'latency') await sleep(this.#plan.random.int(this.#options.latencyMs));
    if (fault === 'reset-before') return request.socket.resetAndDestroy() && undefined;

    const refusal = fault && REFUSALS[fault];
    if (refusal && !(fault === 'error-500' && this.#plan.random.chance(0.5))) {
      for await (const _ of request);
      return this.#refuse(response, refusal);
    }
    const cutAfter = fault === 'reset-in-request' ? this.#cut(request) : undefined;
    const answer = await this.#send(exchange, request, cutAfter);
    if (cutAfter !== undefined) request.socket.resetAndDestroy();
    else if (!answer) this.#refuse(response, 503);
    else if (refusal) this.#refuse(response, refusal);
    else await this.#deliver(exchange, answer, response, fault);
  }

  /** The faults that this request can show. */
  #possible(exchange: Exchange, request: IncomingMessage): Set<Fault> {
    const possible = new Set<Fault>([
      'latency',
      'reset-before',
      'lost-answer',
      'error-500',
      'slow-down',
      'too-many',
    ]);
    if (Number(request.headers['content-length'] ?? 0) > 1) possible.add('reset-in-request');
    if (exchange.method !== 'HEAD') possible.add('reset-in-answer').add('truncated');
    const read = this.#protocol.read(exchange);
    if (read !== undefined && this.#isNew(read)) possible.add('stale-missing');
    if (this.#protocol.isList(exchange) && [...this.#visible.keys()].some((object) => this.#isNew(object)))
      possible.add('stale-list');
    return possible;
  }

  #cut(request: IncomingMessage): number {
    return 1 + this.#plan.random.int(Number(request.headers['content-length']) - 1);
  }

  async #send(
    exchange: Exchange,
    request: IncomingMessage,
    cutAfter: number | undefined,
  ): Promise<Answer | undefined> {
    const send = (): Promise<Answer | undefined> =>
      forward(request, { upstream: new URL(this.#options.upstream), agent: this.#agent, cutAfter });
    const range = request.headers['content-range'];
    const isChunk = this.#protocol.name === 'gcs' && exchange.method === 'PUT' && range !== undefined;
    const answer = isChunk ? await this.#uploads.answer(exchange.url, range, send) : await send();
    if (answer && answer.status >= 200 && answer.status < 300) this.#remember(exchange, answer);
    return answer;
  }

  #remember(exchange: Exchange, { body }: Answer): void {
    const written = this.#protocol.written(exchange, body);
    const removed = this.#protocol.removed(exchange);
    // An object that replaces another could be stale only as that other one.
    if (written !== undefined && !this.#visible.has(written)) this.#visible.set(written, performance.now());
    if (removed !== undefined) this.#visible.delete(removed);
  }

  #isNew(object: string): boolean {
    const since = this.#visible.get(object);
    return since !== undefined && performance.now() - since < this.#options.staleMs;
  }

  async #deliver(
    exchange: Exchange,
    answer: Answer,
    response: ServerResponse,
    fault: Fault | undefined,
  ): Promise<void> {
    const { socket } = response;
    if (fault === 'stale-missing') return this.#refuse(response, 404);
    if (fault === 'lost-answer') {
      await sleep(this.#options.silenceMs / (this.#plan.random.chance(1 / 8) ? 1 : 20));
      socket?.resetAndDestroy();
      return;
    }
    const body =
      fault === 'stale-list'
        ? this.#protocol.withoutObjects(exchange, answer.body, (object) => this.#isNew(object))
        : answer.body;
    // An empty answer can't break off, and its length must be right.
    const isNothing = exchange.method === 'GET' && body.length === 0;
    const breaks = !isNothing && (fault === 'reset-in-answer' || fault === 'truncated');
    // Any other answer without a body breaks off too: its end doesn't come.
    const announced = breaks && body.length === 0 ? 1 : body.length;
    const head = exchange.method === 'HEAD' ? [...answer.headers] : withLength(answer.headers, announced);
    response.writeHead(answer.status, head);
    if (!breaks) {
      response.end(body);
      if (exchange.method !== 'HEAD') this.sentBytes += body.length;
      return;
    }
    response.flushHeaders();
    if (body.length > 1) {
      const kept = body.subarray(0, 1 + this.#plan.random.int(body.length - 1));
      await new Promise((resolve) => response.write(kept, resolve));
    }
    if (fault === 'truncated') socket?.end();
    else socket?.resetAndDestroy();
  }

  #refuse(response: ServerResponse, status: RefusalStatus): void {
    const { headers, body } = this.#protocol.refusal(status);
    response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body);
  }
}

function withLength(headers: readonly string[], bytes: number): string[] {
  const kept = headers.filter((_, at) => {
    const name = headers[at - (at % 2)]?.toLowerCase();
    return name !== 'content-length' && name !== 'transfer-encoding';
  });
  return [...kept, 'Content-Length', String(bytes)];
}
