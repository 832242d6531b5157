/** `--metrics-port`: /metrics for Prometheus, /healthz and /readyz for Kubernetes. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WaybillError } from './errors.ts';
import type { Metrics } from './metrics.ts';

export interface MetricsServerSettings {
  readonly metrics: Metrics;
  /** 0 takes a free one. */
  readonly port: number;
  /** Loopback unless the operator opens it: the numbers name no data, but they are nobody's business either. */
  readonly host?: string | undefined;
  /** Whether the run is past its start, for /readyz. */
  readonly isReady: () => boolean;
}

export interface MetricsServer extends AsyncDisposable {
  readonly port: number;
  close(): Promise<void>;
}

export async function startMetricsServer(settings: MetricsServerSettings): Promise<MetricsServer> {
  const { metrics, port, host = '127.0.0.1', isReady } = settings;
  const server = createServer((request, response) => {
    const answer = (status: number, body: string, type = 'text/plain; charset=utf-8'): void => {
      response.writeHead(status, { 'content-type': type }).end(body);
    };
    switch (new URL(request.url ?? '/', 'http://localhost').pathname) {
      case '/metrics':
        metrics.render().then(
          (text) => answer(200, text, metrics.contentType),
          () => answer(500, 'metrics could not be collected\n'),
        );
        break;
      case '/healthz':
        answer(200, 'ok\n');
        break;
      case '/readyz':
        answer(isReady() ? 200 : 503, isReady() ? 'ready\n' : 'starting\n');
        break;
      default:
        answer(404, 'not found\n');
    }
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
