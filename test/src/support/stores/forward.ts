import { type Agent, type IncomingMessage, request } from 'node:http';
import { buffer } from 'node:stream/consumers';

/** A store's answer, held whole. */
export interface Answer {
  readonly status: number;
  /** Names and values in turn, as they came. */
  readonly headers: readonly string[];
  readonly body: Buffer;
}

export interface ForwardOptions {
  readonly upstream: URL;
  readonly agent: Agent;
  /** Stops after this many bytes of the request's body: the store sees a broken connection. */
  readonly cutAfter?: number | undefined;
}

/** Hop-by-hop headers, and `expect`, which concerns only the client and us. */
const NOT_FORWARDED = new Set(['connection', 'keep-alive', 'expect', 'proxy-connection']);

/**
 * Forwards the request with the Host that it came with, since that is signed. Undefined if the
 * store gave no answer, because of the cut, the client or itself.
 */
export async function forward(
  incoming: IncomingMessage,
  options: ForwardOptions,
): Promise<Answer | undefined> {
  const { upstream, agent, cutAfter = Number.POSITIVE_INFINITY } = options;
  const outgoing = request({
    host: upstream.hostname,
    port: upstream.port,
    agent,
    method: incoming.method,
    path: incoming.url,
    headers: withoutHopHeaders(incoming.rawHeaders),
  });
  const answered = new Promise<Answer | undefined>((resolve) => {
    outgoing.once('error', () => resolve(undefined));
    outgoing.once('response', (response) => {
      buffer(response).then(
        (body) =>
          resolve({
            status: response.statusCode ?? 0,
            headers: withoutHopHeaders(response.rawHeaders),
            body,
          }),
        () => resolve(undefined),
      );
    });
  });
  let sent = 0;
  incoming.on('data', (piece: Buffer) => {
    sent += piece.length;
    if (sent >= cutAfter) outgoing.destroy();
    else if (!outgoing.write(piece)) {
      incoming.pause();
      outgoing.once('drain', () => incoming.resume());
    }
  });
  incoming.once('end', () => outgoing.end());
  incoming.once('error', () => outgoing.destroy());
  // The client may have gone before we listened.
  if (incoming.destroyed && !incoming.complete) outgoing.destroy();
  return answered;
}

function withoutHopHeaders(raw: readonly string[]): string[] {
  const kept: string[] = [];
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at] ?? '';
    if (!NOT_FORWARDED.has(name.toLowerCase())) kept.push(name, raw[at + 1] ?? '');
  }
  return kept;
}
