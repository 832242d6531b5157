/**
 * What can go wrong before the first command: each with a code, the side, and what to do. Real
 * sockets, on this machine only.
 */
import { createSocket } from 'node:dgram';
import dns from 'node:dns';
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { fileURLToPath } from 'node:url';
import type { RunningServer } from '@waybill/demo/servers/start';
import type { WaybillError } from '@waybill/shared/base/errors';
import { connect } from '@waybill/shared/mongo/driver/connect';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithServer, startServer } from '../support/servers.ts';
import { runWaybill } from '../support/waybill.ts';

const TLS = fileURLToPath(new URL('../support/stores/tls/', import.meta.url));
const SECRET = 'hunter2secret';

/** A name server that knows nothing (3), or cannot say (2). */
async function startDns(answerCode: () => number) {
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    const answer = Buffer.from(query);
    answer.writeUInt16BE(0x8180 | answerCode(), 2);
    socket.send(answer, from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return socket;
}

await describeWithServer('connecting', (servers) => {
  const opened: Server[] = [];
  const ports: Record<string, number> = {};
  const listen = async (name: string, server: Server): Promise<void> => {
    opened.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ports[name] = (server.address() as AddressInfo).port;
  };
  let guarded: RunningServer;
  let dnsCode = 3;
  let dnsSocket: Awaited<ReturnType<typeof startDns>>;
  const nameServers = dns.getServers();

  beforeAll(async () => {
    await listen(
      'web',
      createHttpServer((_request, response) => response.end('<html>hello</html>')),
    );
    await listen('silent', createServer());
    const keys = { key: readFileSync(`${TLS}server.key`), cert: readFileSync(`${TLS}server.pem`) };
    const tls = createTlsServer(keys, (socket) => socket.on('error', () => undefined));
    tls.on('tlsClientError', () => undefined);
    await listen('tls', tls);
    guarded = await startServer({ replSet: 'rs0', auth: true });
    dnsSocket = await startDns(() => dnsCode);
    const loopback = [`127.0.0.1:${dnsSocket.address().port}`];
    dns.setServers(loopback);
    dns.promises.setServers(loopback);
  });
  afterAll(async () => {
    dns.setServers(nameServers);
    dns.promises.setServers(nameServers);
    dnsSocket.close();
    for (const server of opened) server.close();
    await guarded.stop();
  });

  const hostOf = (uri: string): string => new URL(uri).host;
  const failing = async (uri: string): Promise<WaybillError> => {
    const error = await connect(uri, { role: 'target', serverSelectionTimeoutMs: 2500 }).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ code: expect.not.stringMatching('INTERNAL') });
    const { message, hint, cause } = error as WaybillError;
    expect(message).toContain('target');
    expect(hint).toBeTruthy();
    expect(message + hint + String(cause)).not.toContain(SECRET);
    return error as WaybillError;
  };

  it.concurrent.each<[string, () => string, string, RegExp, RegExp]>([
    ['nobody there', () => 'mongodb://127.0.0.1:1', 'MONGO_UNREACHABLE', /ECONNREFUSED/, /host, port/],
    [
      'a web server',
      () => `mongodb://127.0.0.1:${ports.web}`,
      'MONGO_UNREACHABLE',
      /closed/,
      /another service/,
    ],
    ['silence', () => `mongodb://127.0.0.1:${ports.silent}`, 'MONGO_UNREACHABLE', /timed out/, /firewalls/],
    ['TLS there', () => `mongodb://127.0.0.1:${ports.tls}`, 'MONGO_UNREACHABLE', /closed/, /tls=true/],
    [
      'no TLS there',
      () => `mongodb://127.0.0.1:${ports.web}/?tls=true`,
      'MONGO_UNREACHABLE',
      /SSL routines: wrong version number$/,
      /does not speak TLS/,
    ],
    [
      'an authority that is not trusted',
      () => `mongodb://localhost:${ports.tls}/?tls=true`,
      'MONGO_UNREACHABLE',
      /certificate/,
      /tlsCAFile/,
    ],
    [
      'a file that is not there',
      () => `mongodb://localhost:${ports.tls}/?tls=true&tlsCAFile=/nope.pem`,
      'CONFIG_UNREADABLE',
      /\/nope\.pem \(ENOENT\)/,
      /tlsCAFile/,
    ],
    [
      'a key that is none',
      () => `mongodb://localhost:${ports.tls}/?tls=true&tlsCertificateKeyFile=${TLS}authority.pem`,
      'MONGO_UNREACHABLE',
      /./,
      /./,
    ],
    [
      'a replica set of another name',
      () => `mongodb://${hostOf(servers.source.uri)}/?replicaSet=wrong`,
      'MONGO_URI_INVALID',
      /is called \w+, and not wrong/,
      /replicaSet=\w+ in/,
    ],
    [
      'a wrong password',
      () => `mongodb://root:${SECRET}@${hostOf(guarded.uri)}/?authSource=admin`,
      'MONGO_AUTHENTICATION',
      /refused the credentials/,
      /authSource/,
    ],
    [
      'a mechanism that the server does not have',
      () => `mongodb://root:${SECRET}@${hostOf(guarded.uri)}/?authMechanism=PLAIN&authSource=$external`,
      'MONGO_AUTHENTICATION',
      /refused the credentials/,
      /authMechanism/,
    ],
    [
      'credentials of a cloud that are not there',
      () => `mongodb://${hostOf(guarded.uri)}/?authMechanism=MONGODB-AWS&authSource=$external`,
      'MONGO_URI_INVALID',
      /./,
      /./,
    ],
  ])('to %s says so', async (_what, uri, code, message, hint) => {
    const failed = await failing(uri());
    expect(failed.code, failed.message).toBe(code);
    expect(failed.message).toMatch(message);
    expect(failed.hint).toMatch(hint);
  });

  it('to a name that DNS has no servers for says so, and where DNS does not answer', async () => {
    const missing = await failing('mongodb+srv://nohost.invalid');
    expect(missing).toMatchObject({
      code: 'MONGO_UNREACHABLE',
      message: expect.stringContaining('there is no SRV record of _mongodb._tcp.nohost.invalid'),
      hint: expect.stringContaining('mongodb+srv'),
    });
    dnsCode = 2;
    const failed = await failing(`mongodb+srv://root:${SECRET}@nohost.invalid`);
    expect(failed).toMatchObject({ code: 'MONGO_UNREACHABLE', hint: expect.stringContaining('name server') });
  });

  const NO_CREDENTIALS = {
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: '/nope',
    AWS_SHARED_CREDENTIALS_FILE: '/nope',
    HOME: '/nope',
    CLOUDSDK_CONFIG: '/nope',
  };
  const KEYS = { ...NO_CREDENTIALS, AWS_ACCESS_KEY_ID: 'key-of-ours', AWS_SECRET_ACCESS_KEY: SECRET };

  it.concurrent.each<[string, () => readonly string[], Record<string, string>, RegExp, RegExp]>([
    [
      'S3 without credentials',
      () => ['s3://acme/p', '--bucket-endpoint', `http://127.0.0.1:${ports.web}`],
      NO_CREDENTIALS,
      /there are no credentials for bucket acme at http:\/\/127/,
      /AWS_ACCESS_KEY_ID/,
    ],
    [
      'a web page for S3',
      () => ['s3://acme/p', '--bucket-endpoint', `http://127.0.0.1:${ports.web}`],
      KEYS,
      /s3:\/\/acme\/p is no object store/,
      /--bucket-endpoint/,
    ],
    [
      'an S3 that is not there',
      () => ['s3://acme/p', '--bucket-endpoint', 'http://127.0.0.1:1'],
      KEYS,
      /bucket acme at http:\/\/127\.0\.0\.1:1 failed .*ECONNREFUSED/,
      /--bucket-endpoint/,
    ],
    [
      'Google Cloud Storage without credentials',
      () => ['gs://acme/p'],
      { ...NO_CREDENTIALS, GCE_METADATA_HOST: `127.0.0.1:1` },
      /there are no credentials for bucket acme at https:\/\/storage/,
      /GOOGLE_APPLICATION_CREDENTIALS/,
    ],
    [
      'a web page for Google Cloud Storage',
      () => ['gs://acme/p', '--bucket-endpoint', `http://127.0.0.1:${ports.web}`],
      NO_CREDENTIALS,
      /acme.*http:\/\/127/,
      /--bucket-endpoint/,
    ],
  ])('to %s names the bucket and says what to do', async (_what, at, env, message, hint) => {
    const { stderr, exitCode } = await runWaybill(['status', '--bucket', ...at()], {
      env,
      timeoutMs: 120_000,
    });
    expect(exitCode, stderr).not.toBe(0);
    expect(stderr).toMatch(/^error: /);
    expect(stderr).toMatch(/^code: BUCKET_/m);
    expect(stderr.split('\n')[0]).toMatch(message);
    expect(stderr.split('\n')[0]).not.toMatch(/waybill-probe/);
    expect(/^hint: (.*)$/m.exec(stderr)?.[1]).toMatch(hint);
    expect(stderr).not.toContain(SECRET);
  });
});
