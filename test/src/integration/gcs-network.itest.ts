/**
 * What stands between the store for Google Cloud Storage and its service: names, credentials, TLS,
 * silence, damage.
 */
import { writeFile } from 'node:fs/promises';
import { createServer as createHttpServer, request as httpRequest, type Server } from 'node:http';
import {
  type AddressInfo,
  connect as connectTcp,
  createServer as createTcpServer,
  type Socket,
} from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { connect } from 'node:tls';
import { inspect } from 'node:util';
import { type ServerProcess, startServerProcess } from '@waybill/demo/servers/server-process';
import { type TemporaryFolder, temporaryFolder } from '@waybill/demo/servers/temporary';
import type { ErrorCode } from '@waybill/shared/base/error-codes';
import { hasCode, WaybillError } from '@waybill/shared/base/errors';
import { describeError } from '@waybill/shared/base/logger';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { describeWithStores } from '../support/stores/available.ts';
import { type GcsServer, startGcsServer } from '../support/stores/gcs-server.ts';
import { storeBinary } from '../support/stores/programs.ts';

const MIB = 1024 * 1024;

await describeWithStores('the way to Google Cloud Storage', ['gcs'], () => {
  let server: GcsServer;
  let folder: TemporaryFolder;
  beforeAll(async () => {
    server = await startGcsServer();
    folder = await temporaryFolder('gcs');
  });
  afterAll(async () => {
    await server?.stop();
    await folder?.remove();
  });
  afterEach(() => vi.unstubAllEnvs());

  /** Nothing of this machine's own credentials, and no cloud's metadata server. */
  const withoutCredentials = (): void => {
    vi.stubEnv('METADATA_SERVER_DETECTION', 'none');
    vi.stubEnv('HOME', folder.path);
    vi.stubEnv('CLOUDSDK_CONFIG', folder.path);
    vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', undefined);
  };

  describe('credentials', () => {
    test('an emulator is asked without any, whichever way it is named', async () => {
      withoutCredentials();
      vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', join(folder.path, 'not-there.json'));
      const url = `gs://${await server.createBucket()}/p`;
      const named = await openBucket(url, { store: { endpoint: server.endpoint } });
      await named.put('k', Buffer.from('x'));
      for (const host of [server.endpoint, `127.0.0.1:${server.port}`]) {
        vi.stubEnv('STORAGE_EMULATOR_HOST', host);
        const found = await openBucket(url);
        expect((await found.get('k')).toString()).toBe('x');
        await found.close();
      }
      await named.close();
    });

    test('Google is not asked without them, and the error says where they are looked for', async () => {
      withoutCredentials();
      const bucket = await openBucket('gs://acme-bucket/p');
      const error = await failure(bucket.get('k'), 'BUCKET_ACCESS_DENIED');
      expect(error.hint).toContain('GOOGLE_APPLICATION_CREDENTIALS');
      await bucket.close();
    });

    test('that are refused show nothing of themselves', async () => {
      withoutCredentials();
      const secret = 'subject-token-0123456789';
      let asked = '';
      // Federated: the one kind of credentials whose file names the server that gives out tokens.
      const tokens = await listen(
        createHttpServer(async (request, response) => {
          asked = (await buffer(request)).toString();
          const refusal = { error: 'invalid_grant', error_description: `Bad token ${secret}` };
          response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify(refusal));
        }),
      );
      vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', await federated(folder, tokens.port, secret));
      const bucket = await openBucket('gs://acme-bucket/p');
      const error = await failure(bucket.put('k', Buffer.from('x')), 'BUCKET_ACCESS_DENIED');
      expect(asked).toContain(secret);
      expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(secret);
      expect(JSON.stringify(describeError(error))).not.toContain(secret);
      await bucket.close();
      tokens.server.close();
    });
  });

  describe('names', () => {
    test('a bucket that is not there is named', async () => {
      const bucket = await openBucket('gs://waybill-no-such-bucket/p', {
        store: { endpoint: server.endpoint },
      });
      for (const call of [
        () => bucket.put('k', Buffer.from('x')),
        () => bucket.put('k', one(Buffer.from('x'))),
        () => first(bucket),
      ]) {
        const error = await failure(call(), 'BUCKET_MISSING');
        expect(error.message).toContain('waybill-no-such-bucket');
      }
      await bucket.close();
    });

    test('URLs and endpoints that are none are refused before anything is asked', async () => {
      for (const url of [
        'gs://',
        'gs:///p',
        'gs://Bucket/p',
        'gs://user:pass@bucket/p',
        'gs://bucket/a//b',
      ]) {
        const error = await failure(openBucket(url), 'BUCKET_URL_INVALID');
        expect(error.message).not.toContain('pass');
      }
      for (const endpoint of ['localhost', 'ftp://h', 'http://user:secret@h', 'http://h?token=secret']) {
        const error = await failure(openBucket('gs://bucket/p', { store: { endpoint } }), 'CONFIG_INVALID');
        expect(JSON.stringify(describeError(error))).not.toContain('secret');
      }
    });

    test('keys that the store cannot hold are refused', async () => {
      const bucket = await openBucket('gs://bucket/p', { store: { endpoint: server.endpoint } });
      for (const key of ['k'.repeat(1023), 'a\nb']) {
        await failure(bucket.put(key, Buffer.from('x')), 'BUCKET_KEY_INVALID');
      }
      await bucket.close();
    });
  });

  describe('TLS', () => {
    let secure: ServerProcess;
    let caFile: string;
    beforeAll(async () => {
      secure = await startServerProcess({
        binary: await storeBinary('gcs'),
        name: 'fake-gcs-server',
        args: (_, port) => [
          ...['-scheme', 'https', '-host', '127.0.0.1', '-port', String(port), '-backend', 'memory'],
          ...['-public-host', `127.0.0.1:${port}`, '-data', '', '-log-level', 'error'],
        ],
      });
      caFile = join(folder.path, 'ca.pem');
      await writeFile(caFile, await certificateOf(secure.port));
    });
    afterAll(async () => {
      await secure?.kill();
      await secure?.clear();
    });

    test('an authority of your own is trusted by --bucket-ca-file, and not without it', async () => {
      const endpoint = `https://127.0.0.1:${secure.port}`;
      const trusting = await openBucket('gs://no-bucket/p', { store: { endpoint, caFile } });
      await failure(trusting.put('k', Buffer.from('x')), 'BUCKET_MISSING');
      await trusting.close();
      const wary = await openBucket('gs://no-bucket/p', { store: { endpoint } });
      const error = await failure(wary.put('k', Buffer.from('x')), 'BUCKET_UNAVAILABLE');
      expect(error).toMatchObject({ kind: 'failed', hint: expect.stringContaining('--bucket-ca-file') });
      await wary.close();
    });

    test('what is no emulator gets a token, through the proxy of the environment', async () => {
      withoutCredentials();
      let tokens = 0;
      const giving = await listen(
        createHttpServer((_, response) => {
          const token = { access_token: `token-${++tokens}`, expires_in: 3600, token_type: 'Bearer' };
          response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(token));
        }),
      );
      // The name is in the server's certificate, and leads nowhere but to the proxy.
      const tunnels: string[] = [];
      const proxy = await listen(createHttpServer());
      proxy.server.on('connect', ({ url = '' }, socket: Socket) => {
        tunnels.push(url);
        const upstream = connectTcp(secure.port, '127.0.0.1', () => {
          socket.write('HTTP/1.1 200 OK\r\n\r\n');
          upstream.pipe(socket).pipe(upstream);
        });
        for (const end of [socket, upstream]) end.on('error', () => undefined);
      });
      vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', await federated(folder, giving.port, 'subject'));
      vi.stubEnv('HTTPS_PROXY', `http://127.0.0.1:${proxy.port}`);
      vi.stubEnv('NO_PROXY', '127.0.0.1');
      const store = { endpoint: 'https://example.com', caFile };
      const bucket = await openBucket('gs://no-bucket/p', { store });
      await failure(bucket.put('k', Buffer.from('x')), 'BUCKET_MISSING');
      await failure(bucket.get('k'), 'BUCKET_OBJECT_MISSING');
      expect(tokens).toBe(1);
      expect(tunnels).toEqual(['example.com:443']);
      await bucket.close();
      giving.server.close();
      proxy.server.close();
    });
  });

  describe('silence and damage', () => {
    test('a service that never answers is given up, and an abort ends the wait', async () => {
      const silent = await listen(createTcpServer(() => undefined));
      const store = { endpoint: `http://127.0.0.1:${silent.port}`, timeoutMs: 200 };
      const bucket = await openBucket('gs://bucket/p', { store });
      const error = await failure(bucket.get('k'), 'BUCKET_UNAVAILABLE');
      expect(error.kind).toBe('transient');
      expect(error.message).toContain('sent and took nothing');
      const reason = new WaybillError('INTERRUPTED', 'enough');
      const controller = new AbortController();
      const put = bucket.put('k', Buffer.alloc(10 * MIB), { signal: controller.signal });
      setTimeout(() => controller.abort(reason), 20);
      await expect(put).rejects.toBe(reason);
      await bucket.close();
      silent.server.close();
    });

    test('bytes damaged on their way out are refused by the store and sent again', async () => {
      const damaging = await startDamaging(server, (count) => count === 0);
      const url = `gs://${await server.createBucket()}/p`;
      const bucket = await openBucket(url, { store: { endpoint: damaging.endpoint } });
      await bucket.put('k', Buffer.alloc(1000, 7), { ifAbsent: true });
      expect(damaging.damaged()).toBe(1);
      expect(await bucket.get('k')).toEqual(Buffer.alloc(1000, 7));
      await bucket.close();
      damaging.close();
    });

    test('an upload in chunks that was damaged fails and leaves nothing', async () => {
      const damaging = await startDamaging(server, (count) => count === 0);
      const url = `gs://${await server.createBucket()}/p`;
      const bucket = await openBucket(url, { store: { endpoint: damaging.endpoint } });
      const body = (): AsyncGenerator<Buffer> => one(Buffer.alloc(9 * MIB, 7));
      const error = await failure(bucket.put('k', body(), { ifAbsent: true }), 'BUCKET_UNAVAILABLE');
      expect(error.kind).toBe('transient');
      expect(await bucket.head('k')).toBeNull();
      await bucket.put('k', body(), { ifAbsent: true });
      expect((await bucket.get('k')).equals(Buffer.alloc(9 * MIB, 7))).toBe(true);
      await bucket.close();
      damaging.close();
    });
  });
});

/** A file of federated credentials. Returns its path. */
async function federated(folder: TemporaryFolder, port: number, subjectToken: string): Promise<string> {
  const [file, subject] = [join(folder.path, 'account.json'), join(folder.path, 'subject')];
  await writeFile(subject, subjectToken);
  const account = {
    type: 'external_account',
    audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/p',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    token_url: `http://127.0.0.1:${port}/v1/token`,
    credential_source: { file: subject },
  };
  await writeFile(file, JSON.stringify(account));
  return file;
}

async function* one(body: Buffer): AsyncGenerator<Buffer> {
  yield body;
}

async function first(bucket: Bucket): Promise<void> {
  for await (const _ of bucket.list('')) return;
}

async function failure(call: Promise<unknown>, code: ErrorCode): Promise<WaybillError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (hasCode(error, code)) return error;
  throw new Error(`expected ${code}, got ${error instanceof Error ? error.message : error}`);
}

async function listen<S extends Server | ReturnType<typeof createTcpServer>>(
  server: S,
): Promise<{ readonly server: S; readonly port: number }> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return { server, port: (server.address() as AddressInfo).port };
}

/**
 * A proxy that changes one byte of the object in those uploads that it is told to, counted from 0.
 */
async function startDamaging(server: GcsServer, which: (count: number) => boolean) {
  let count = 0;
  let damaged = 0;
  const proxy = await listen(
    createHttpServer(async (incoming, outgoing) => {
      const body = await buffer(incoming);
      const { method, url, headers } = incoming;
      const target = body.indexOf(Buffer.alloc(100, 7));
      if (target >= 0 && which(count++)) {
        damaged++;
        body[target + 50] = 8;
      }
      const request = httpRequest(`${server.endpoint}${url}`, { method, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(outgoing);
      });
      request.end(body);
    }),
  );
  return {
    endpoint: `http://127.0.0.1:${proxy.port}`,
    damaged: () => damaged,
    close: () => {
      proxy.server.closeAllConnections();
      proxy.server.close();
    },
  };
}

/** The server's own, which it has signed itself. */
function certificateOf(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      const base64 = socket.getPeerCertificate().raw.toString('base64').replace(/.{64}/g, '$&\n');
      socket.end();
      resolve(`-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`);
    });
    socket.once('error', reject);
  });
}
