import { afterEach, expect, test, vi } from 'vitest';
import { createClient } from './client.ts';

afterEach(() => vi.unstubAllEnvs());

test('the region of the environment is found once, not for each request', async () => {
  vi.stubEnv('AWS_REGION', 'eu-central-1');
  const client = createClient({});
  expect(await client.config.region()).toBe('eu-central-1');
  vi.stubEnv('AWS_REGION', 'us-west-2');
  expect(await client.config.region()).toBe('eu-central-1');
  client.destroy();
});

test('the region given goes before that of the environment', async () => {
  vi.stubEnv('AWS_REGION', 'eu-central-1');
  const client = createClient({ region: 'auto' });
  expect(await client.config.region()).toBe('auto');
  client.destroy();
});
