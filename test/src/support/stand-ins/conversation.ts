/** One client's connection to a stand-in. Its commands are answered one after another. */
import type { Socket } from 'node:net';
import { findElement } from '@waybill/shared/bson/raw';
import { BSON } from 'mongodb-4-0';
import type { Host } from './host.ts';
import { encodeMessage, encodeQueryReply, type Message, MessageCutter } from './message.ts';
import { changed, done, refusal, without, withoutUuids } from './replies.ts';
import { Request } from './request.ts';
import type { Fault, StandInRules, Standing } from './rules.ts';
import { Upstream } from './upstream.ts';
import { write } from './writes.ts';

const HELLOS = new Set(['hello', 'isMaster', 'ismaster']);
/** The server behind it does not hear of these, and clients do not hear what it says of them. */
const HELLO_FIELDS = new Set(['loadBalanced', 'compression', 'topologyVersion', 'maxAwaitTimeMS']);
const TIMES = new Set(['operationTime', '$clusterTime']);
const NONE: ReadonlySet<string> = new Set();

export class Conversation {
  readonly #host: Host;
  readonly #client: Socket;
  readonly #server: Upstream;
  readonly #cutter = new MessageCutter();
  #last: Promise<void> = Promise.resolve();
  #isRefused = false;

  constructor(host: Host, port: number, client: Socket) {
    this.#host = host;
    this.#client = client;
    this.#server = new Upstream(port);
  }

  take(bytes: Buffer): void {
    for (const message of this.#cutter.take(bytes)) {
      this.#last = this.#last.then(() => this.#answer(message)).catch(() => this.end());
    }
  }

  end(): void {
    this.#client.destroy();
    this.#server.close();
  }

  async #answer(message: Message): Promise<void> {
    const request = new Request(message);
    const passing = this.#host.traffic.begin(request);
    let answer: ReturnType<typeof codeOf> | 'lost' = 'lost';
    try {
      const reply = await this.#reply(request);
      if (request.kind && this.#host.strain.losesAnswer()) return this.#reset();
      answer = codeOf(reply);
      if (message.isLast) return;
      const bytes = message.isQuery
        ? encodeQueryReply(reply, message.id)
        : encodeMessage({ id: message.id, isLast: false, body: reply, sequences: [] }, message.id);
      this.#client.write(bytes);
    } finally {
      passing.end(answer);
    }
  }

  async #reply(request: Request): Promise<Buffer> {
    const { rules, standing } = this.#host;
    if (HELLOS.has(request.command)) return this.#hello(request);
    const fault = rules.lacks(request.command) ?? refusedBy(rules, request, standing);
    if (fault) return refusal(fault);
    if (rules.withoutEffect.has(request.command)) return done();
    if (request.kind) {
      const ask = (statements: readonly Buffer[]): Promise<Buffer> => this.#ask(request, statements);
      return write(request, this.#host, ask);
    }
    return this.#other(request);
  }

  async #other(request: Request): Promise<Buffer> {
    const { rules, builds } = this.#host;
    switch (request.command) {
      case 'createIndexes':
        if (!rules.buildsLater) return builds.during(request, () => this.#ask(request));
        builds.begin(request);
        return done();
      case 'buildInfo':
        return changed(await this.#ask(request), rules.buildInfo);
      case 'listCollections':
        return rules.tells.uuids ? this.#ask(request) : withoutUuids(await this.#ask(request));
      case 'drop':
      case 'dropIndexes':
        builds.drop(request);
        return this.#ask(request);
      default:
        return this.#ask(request);
    }
  }

  async #hello(request: Request): Promise<Buffer> {
    const { rules, host } = this.#host;
    // Only the first hello of a connection says so.
    if (rules.needsLoadBalanced && request.message.isQuery) this.#isRefused = true;
    if (this.#isRefused) throw new Error('not through the load balancer');
    const reply = without(await this.#ask(request, [], HELLO_FIELDS), HELLO_FIELDS);
    return changed(reply, (fields) => rules.hello(fields, host));
  }

  async #ask(request: Request, statements: readonly Buffer[] = [], more = NONE): Promise<Buffer> {
    const { rules } = this.#host;
    const message = request.forward(new Set([...rules.ignored, ...more]), statements);
    if (request.message.isLast) {
      this.#server.tell(message);
      return done();
    }
    const reply = await this.#server.ask(message);
    return rules.tells.times ? reply : without(reply, TIMES);
  }

  #reset(): void {
    this.#client.resetAndDestroy();
    this.#server.close();
  }
}

function refusedBy(rules: StandInRules, request: Request, standing: Standing): Fault | null {
  for (const { commands, refuses } of rules.commands) {
    if (commands !== null && !commands.includes(request.command)) continue;
    const fault = refuses(request, standing);
    if (fault) return fault;
  }
  return null;
}

function codeOf(reply: Buffer): number | 'ok' {
  const failed = findElement(reply, 'code') ?? findElement(reply, 'writeErrors');
  if (!failed) return 'ok';
  const { code, writeErrors } = BSON.deserialize(reply) as {
    readonly code?: number;
    readonly writeErrors?: readonly { readonly code: number }[];
  };
  return code ?? writeErrors?.[0]?.code ?? 'ok';
}
