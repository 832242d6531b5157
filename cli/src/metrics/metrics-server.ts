/** `--metrics-port`: /metrics for Prometheus, /healthz and /readyz for Kubernetes. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WaybillError } from '@waybill/shared/base/errors';
import type { Metrics } from '@waybill/shared/base/metrics';
import { DEFAULT_METRICS_HOST } from './metrics-host.ts';

export interface MetricsServerSettings {
  readonly metrics: Metrics;
  /** 0 takes a free one. */
  readonly port: number;
  /** Default {@link DEFAULT_METRICS_HOST}. */
  readonly host?: string | undefined;
  /** Whether the run is past its start, for /readyz. */
  readonly isReady: () => boolean;
}

export interface MetricsServer extends AsyncDisposable {
  readonly port: number;
  close(): Promise<void>;
}

export async function startMetricsServer(settings: MetricsServerSettings): Promise<MetricsServer> {
  const { port, host = DEFAULT_METRICS_HOST } = settings;
  const server = createServer((request, response) => {
    // Whatever somebody asks, and whatever goes wrong in answering: a migration never ends by it.
    respond(request, settings)
      .catch((): Answer => ({ status: 500, body: 'the answer could not be made\n' }))
      .then((answer) => send(response, answer))
      .catch(() => response.destroy());
  });
  await listen(server, port, host);
  // The server must not keep a finished run alive.
  server.unref();
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return { port: (server.address() as AddressInfo).port, close, [Symbol.asyncDispose]: close };
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly type?: string;
}

async function respond(
  { url = '/' }: IncomingMessage,
  { metrics, isReady }: MetricsServerSettings,
): Promise<Answer> {
  // Not by the URL class, which throws: what a client may send here need not be a URL.
  switch (url.split('?', 1)[0]) {
    case '/metrics':
      return { status: 200, body: await metrics.render(), type: metrics.contentType };
    case '/healthz':
      return { status: 200, body: 'ok\n' };
    case '/readyz':
      return isReady() ? { status: 200, body: 'ready\n' } : { status: 503, body: 'starting\n' };
    default:
      return { status: 404, body: 'not found\n' };
  }
}

function send(response: ServerResponse, { status, body, type = 'text/plain; charset=utf-8' }: Answer): void {
  response.on('error', () => response.destroy());
  response.writeHead(status, { 'content-type': type }).end(body);
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      reject(
        new WaybillError('CONFIG_INVALID', `cannot serve metrics on ${host}:${port}: ${error.message}`, {
          hint: 'Choose another --metrics-port, or 0 for a free one.',
          context: { host, port },
          cause: error,
        }),
      );
    });
    server.listen(port, host, () => resolve());
  });
}
