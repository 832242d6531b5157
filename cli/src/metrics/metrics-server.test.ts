import { connect } from 'node:net';
import { createMetrics } from '@waybill/shared/base/metrics';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { startMetricsServer } from './metrics-server.ts';

describe('the metrics port', () => {
  it('serves metrics, health and readiness', async () => {
    const metrics = createMetrics();
    metrics.retries.inc({ code: 'BUCKET_UNAVAILABLE' }, 2);
    let isReady = false;
    await using server = await startMetricsServer({ metrics, port: 0, isReady: () => isReady });
    const get = (path: string) => fetch(`http://127.0.0.1:${server.port}${path}`);
    expect(await (await get('/metrics')).text()).toContain(
      'waybill_retries_total{code="BUCKET_UNAVAILABLE"} 2',
    );
    expect((await get('/healthz')).status).toBe(200);
    expect((await get('/readyz')).status).toBe(503);
    isReady = true;
    expect((await get('/readyz')).status).toBe(200);
    expect((await get('/other')).status).toBe(404);
    await expect(
      startMetricsServer({ metrics, port: server.port, isReady: () => true }),
    ).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });

  /**
   * Sends bytes as they are, and gives back the first line of the answer; empty where the server
   * only closes.
   */
  async function ask(port: number, request: string): Promise<string> {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.end(request, 'latin1');
    let answer = '';
    for await (const piece of socket.setEncoding('latin1')) answer += piece;
    return answer.split('\r\n', 1)[0] ?? '';
  }

  const TARGETS = [
    ...[
      '//',
      '///',
      '//@',
      '//:',
      '//[',
      '//[::1',
      '//a:99999999/',
      '/%',
      '/%zz',
      '/\\',
      '\\\\',
      '*',
      '?',
      '#',
      ':',
    ],
    ...[
      'http://',
      'http://[',
      'http://%',
      'https:///',
      'mailto:',
      '/metrics/..//',
      '/\u00ff\u0080',
      '/..%2f',
      '//%00',
    ],
  ];

  it.each(['GET', 'HEAD', 'OPTIONS', 'POST', 'CONNECT'])('survives any %s', async (method) => {
    await using server = await startMetricsServer({ metrics: createMetrics(), port: 0, isReady: () => true });
    for (const target of TARGETS) {
      await ask(server.port, `${method} ${target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
    }
    const healthy = 'GET /healthz?from=probe HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n';
    expect(await ask(server.port, healthy)).toBe('HTTP/1.1 200 OK');
  });

  it('survives what is no request, and random request lines', async () => {
    await using server = await startMetricsServer({ metrics: createMetrics(), port: 0, isReady: () => true });
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 40 }), async (target) => {
        await ask(server.port, `GET /${target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
        await ask(server.port, `${target}\r\n\r\n`);
      }),
      { numRuns: 100, examples: [['/'], ['\u0000'], ['/[']] },
    );
    expect(await ask(server.port, 'GET /healthz HTTP/1.0\r\n\r\n')).toBe('HTTP/1.1 200 OK');
  });

  it('answers where the numbers cannot be made, and goes on', async () => {
    const metrics = { ...createMetrics(), render: () => Promise.reject(new Error('no')) };
    const broken = (): boolean => {
      throw new Error('no');
    };
    await using server = await startMetricsServer({ metrics, port: 0, isReady: broken });
    for (const path of ['/metrics', '/readyz', '/metrics', '/readyz']) {
      expect((await fetch(`http://127.0.0.1:${server.port}${path}`)).status).toBe(500);
    }
  });
});
