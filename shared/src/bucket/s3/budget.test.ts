import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { RetryBudget } from '../../base/retry.ts';
import type { Bucket } from '../bucket.ts';
import { openS3 } from './open-s3.ts';

/** Requests that a store which is out of order gets for one call. */
async function requestsOf(call: (bucket: Bucket) => Promise<unknown>): Promise<number> {
  let requests = 0;
  const server = createServer((_, response) => {
    requests++;
    response.writeHead(500, { 'content-type': 'application/xml' });
    response.end('<?xml version="1.0"?><Error><Code>InternalError</Code><Message>Later.</Message></Error>');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret' });
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const bucket = await openS3('s3://bucket/p', { store: { endpoint, region: 'us-east-1' } });
  await expect(call(bucket)).rejects.toMatchObject({ code: 'BUCKET_UNAVAILABLE', kind: 'transient' });
  await bucket.close();
  server.close();
  return requests;
}

test('the SDK repeats a request while the budget of the caller lasts, and not after it', async () => {
  expect(await requestsOf((bucket) => bucket.get('k', { budget: new RetryBudget(60_000) }))).toBeGreaterThan(
    2,
  );
  for (const call of [
    (bucket: Bucket) => bucket.get('k', { budget: new RetryBudget(0) }),
    (bucket: Bucket) => bucket.head('k', { budget: new RetryBudget(0) }),
    (bucket: Bucket) => bucket.delete('k', { budget: new RetryBudget(0) }),
    (bucket: Bucket) => Array.fromAsync(bucket.list('', { budget: new RetryBudget(0) })),
  ]) {
    expect(await requestsOf(call)).toBe(1);
  }
});
