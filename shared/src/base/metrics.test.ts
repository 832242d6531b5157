import { connect } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMetrics, METRICS, observeCapture, observeLoad } from './metrics.ts';
import { startMetricsServer } from './metrics-server.ts';
import { clusterTime } from './position.ts';
import { collectionProgress, createCaptureStats, createLoadStats, totals } from './stats.ts';

describe('metrics', () => {
  it('names counters, durations and sizes by what they are', () => {
    const names = Object.values(METRICS).map((metric) => metric.name);
    expect(new Set(names).size).toBe(names.length);
    for (const { name, type } of Object.values(METRICS)) {
      expect(name.endsWith('_total'), name).toBe(type === 'counter');
      if (type === 'histogram') expect(name).toMatch(/_seconds$/);
    }
  });

  it('reads the stats at every scrape, not only at the first', async () => {
    const metrics = createMetrics();
    const capture = createCaptureStats();
    const load = createLoadStats();
    observeCapture(metrics, capture);
    observeLoad(metrics, load);
    expect(await metrics.render()).not.toMatch(/^waybill_capture_watermark_seconds /m);

    capture.changes = 5;
    capture.bucketBytes = 100;
    capture.watermark = clusterTime(1000, 4);
    capture.sourceTime = clusterTime(1007, 1);
    collectionProgress(capture, 'a.b').documents = 3;
    load.bucketBytes = 70;
    await metrics.render();
    capture.changes = 9;
    const text = await metrics.render();
    expect(text).toMatch(/^waybill_capture_changes_total 9$/m);
    expect(text).toMatch(/^waybill_capture_documents_total 3$/m);
    expect(text).toMatch(/^waybill_capture_watermark_seconds 1000$/m);
    expect(text).toMatch(/^waybill_capture_lag_seconds 7$/m);
    expect(text).toMatch(/^waybill_bucket_bytes_total\{direction="written"\} 100$/m);
    expect(text).toMatch(/^waybill_bucket_bytes_total\{direction="read"\} 70$/m);
  });

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
});

describe('the metrics port', () => {
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

describe('totals', () => {
  it('never says more than all, nor less than all of what is done', () => {
    const stats = createLoadStats();
    Object.assign(collectionProgress(stats, 'a.a'), {
      documents: 12,
      documentsTotal: 10,
      bytes: 5,
      bytesTotal: 9,
    });
    Object.assign(collectionProgress(stats, 'a.b'), { documents: 4, documentsTotal: 10, done: true });
    Object.assign(collectionProgress(stats, 'a.c'), { documents: 1, documentsTotal: 10 });
    expect(totals(stats)).toEqual({
      documents: 17,
      documentsTotal: 12 + 4 + 10,
      bytes: 5,
      bytesTotal: 9,
      collections: 3,
      collectionsDone: 1,
      ...{ earlierDocuments: 0, earlierBytes: 0, openDocuments: 0, openBytes: 0 },
    });
  });
});
