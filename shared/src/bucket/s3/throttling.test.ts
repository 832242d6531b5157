import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { openS3 } from './open-s3.ts';

const SLOW_DOWN =
  '<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Reduce your rate.</Message></Error>';

test('a store that takes few requests at once is soon asked for no more, and all of them come through', {
  timeout: 30_000,
}, async () => {
  const most = 4;
  let atOnce = 0;
  const crowds: number[] = [];
  let refused = 0;
  const server = createServer(async (_, response) => {
    crowds.push(++atOnce);
    const isTooMany = atOnce > most;
    await sleep(10);
    atOnce--;
    if (isTooMany) refused++;
    response.writeHead(isTooMany ? 503 : 200, { 'content-type': 'application/xml' });
    response.end(isTooMany ? SLOW_DOWN : '');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret' });
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const bucket = await openS3('s3://bucket/p', { store: { endpoint, region: 'us-east-1' } });
  const asked = 400;
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next++ < asked) await bucket.delete(`k${next}`);
  };
  await Promise.all(Array.from({ length: 64 }, worker));
  await bucket.close();
  server.close();
  const highest = (some: number[]): number => Math.max(...some);
  expect(highest(crowds.slice(0, 70))).toBeGreaterThan(5 * most);
  expect(highest(crowds.slice(-200))).toBeLessThan(3 * most);
  expect(refused).toBeLessThan(asked / 3);
});
