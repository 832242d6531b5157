import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { hasSubdomains, parseEndpoint, trustedAuthorities } from './endpoint.ts';

describe('an endpoint', () => {
  test.each(['https://minio.example:9000', 'http://127.0.0.1:9000', 'http://[::1]:9000', 'https://h/path'])(
    'may be %s',
    (text) => {
      expect(parseEndpoint(text).href).toContain(text);
    },
  );

  test.each(['', 'minio.example', 'ftp://h', 'https://h/?key=hunter2', 'https://key:hunter2@h', 'hunter2'])(
    'may not be %s, and is not repeated',
    (text) => {
      expect(() => parseEndpoint(text)).toThrow(
        expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.not.stringContaining('hunter2') }),
      );
    },
  );

  test.each([
    ['https://s3.eu-west-1.amazonaws.com', true],
    ['https://minio.example:9000', true],
    ['http://minio:9000', false],
    ['http://localhost:9000', false],
    ['http://s3.localhost:9000', false],
    ['http://10.1.2.3:9000', false],
    ['http://[::1]:9000', false],
  ])('%s has hosts below it: %s', (endpoint, expected) => {
    expect(hasSubdomains(new URL(endpoint))).toBe(expected);
  });
});

test('authorities of a file come to those of the system, and a bad file is named', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'waybill-ca-'));
  const [good, bad] = [join(folder, 'good.pem'), join(folder, 'bad.pem')];
  await writeFile(good, rootCertificates[0] ?? '');
  await writeFile(bad, 'not a certificate');
  expect(trustedAuthorities(good).length).toBeGreaterThan(1);
  expect(trustedAuthorities(good)).toContain(rootCertificates[0]);
  for (const path of [bad, join(folder, 'none.pem')]) {
    expect(() => trustedAuthorities(path)).toThrow(
      expect.objectContaining({ code: 'CONFIG_UNREADABLE', message: expect.stringContaining(path) }),
    );
  }
  await rm(folder, { recursive: true });
});
