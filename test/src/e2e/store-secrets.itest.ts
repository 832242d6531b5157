/**
 * What opens a store is never written: not where a run fails, not at level debug, not in the
 * bucket.
 */
import { readdir, readFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '@waybill/demo/servers/temporary';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { testClient } from '../support/raw.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import { storeBinary } from '../support/stores/programs.ts';
import { type S3Server, startS3Server } from '../support/stores/s3-server.ts';
import { type CommandResult, runWaybill, spawnWaybill } from '../support/waybill.ts';
import { createShop, testSeed } from '../support/workload.ts';
import { said } from './migration.ts';

const WRONG_SECRET = 'planted-wrong-secret-key-0002';
const SESSION_TOKEN = 'planted/session+token==0003';

await describeWithServer(
  'what opens a store',
  (servers) => {
    let folder: TemporaryFolder;
    let server: S3Server;
    let database: string;
    beforeAll(async () => {
      folder = await temporaryFolder('secrets');
      server = await startS3Server({ folder: join(folder.path, 'objects') });
      database = uniqueName('secrets');
      await createShop({ uri: servers.source.uri, database, seed: testSeed(), orders: 200 });
    });
    afterAll(async () => {
      await server.stop();
      await folder.remove();
    });

    const debug = ['--log-level', 'debug'];
    const commands = (endpoint: string, bucket: string): string[][] => {
      const place = ['--bucket', `s3://${bucket}/p`, '--bucket-endpoint', endpoint, '--bucket-timeout', '2s'];
      const [source, target] = [servers.source.uri, servers.target.uri];
      return [
        ['capture', ...place, '--source', source, '--include', database, ...debug],
        ['load', ...place, '--target', target, ...debug, '--log-format', 'json', '--json'],
        ['status', ...place, '--json'],
        ['fsck', ...place, ...debug],
      ];
    };
    /** Each command against that endpoint; all of them must fail with one of the codes. */
    const failing = async (endpoint: string, env: Record<string, string>, codes: RegExp): Promise<string> => {
      const bucket = await server.createBucket();
      const results = await Promise.all(
        commands(endpoint, bucket).map((args) => runWaybill(args, { env: { ...server.env, ...env } })),
      );
      for (const result of results) {
        expect(result.exitCode, textOf(result)).toBeGreaterThan(0);
        expect(textOf(result)).toMatch(codes);
      }
      return results.map(textOf).join('\n');
    };

    it('is not in what a run says that may not, or does not get through', async () => {
      const wrong = { AWS_SECRET_ACCESS_KEY: WRONG_SECRET };
      expectNoSecret(await failing(server.endpoint, wrong, /BUCKET_ACCESS_DENIED/));
      const nobody = `http://127.0.0.1:${await closedPort()}`;
      expectNoSecret(await failing(nobody, { AWS_SESSION_TOKEN: SESSION_TOKEN }, /BUCKET_UNAVAILABLE/));
    });

    it.each([403, 400, 500])(
      'is not repeated after a server that repeats it, with status %d',
      async (status) => {
        const heard: IncomingHttpHeaders[] = [];
        await using echo = await startEcho(status, heard);
        const env = { AWS_SESSION_TOKEN: SESSION_TOKEN };
        expectNoSecret(
          await failing(echo.endpoint, env, /BUCKET_(ACCESS_DENIED|UNAVAILABLE|FEATURE_MISSING)/),
        );
        const [first] = heard;
        expect(first?.authorization).toContain(server.accessKeyId);
        expect(first?.['x-amz-security-token']).toBe(SESSION_TOKEN);
      },
    );

    it('is not in the bucket, nor in what a capture says whose store goes away', async () => {
      const bucket = await server.createBucket();
      const [args = []] = commands(server.endpoint, bucket);
      await using capture = spawnWaybill(args, { env: server.env });
      await said(capture, /snapshot-completed/);
      await server.kill();
      await using source = await testClient(servers.source.uri);
      await source.client
        .db(database)
        .collection('orders')
        .updateMany({}, { $set: { seen: true } });
      await said(capture, /BUCKET_UNAVAILABLE/);
      // The first one would let it finish its commit, for which it would try for two minutes.
      capture.kill('SIGTERM');
      await said(capture, /stop/i);
      capture.kill('SIGTERM');
      expectNoSecret(textOf(await capture.ended));
      const files = await filesBelow(join(folder.path, 'objects', bucket));
      expect(files.size).toBeGreaterThan(5);
      for (const [path, content] of files) expectNoSecret(content, path);
    });

    function expectNoSecret(text: string, where = 'the output'): void {
      const secrets = [server.secretAccessKey, server.accessKeyId, WRONG_SECRET, SESSION_TOKEN];
      for (const secret of secrets) {
        const forms = [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64')];
        for (const form of forms)
          expect(text.includes(form), `${form} is in ${where}:\n${text.slice(0, 5000)}`).toBe(false);
      }
      expect(text).not.toMatch(/Signature=|X-Amz-Signature|AWS4-HMAC/i);
    }
  },
  { needs: [() => storeBinary('s3')] },
);

const textOf = ({ stdout, stderr }: CommandResult): string => `${stdout}\n${stderr}`;

/** Answers with an error that quotes all of the request, as some services do. */
async function startEcho(
  status: number,
  heard: IncomingHttpHeaders[],
): Promise<AsyncDisposable & { endpoint: string }> {
  const echo = createServer((request, response) => {
    heard.push(request.headers);
    const quoted = `${request.method} ${request.url} ${JSON.stringify(request.headers)}`;
    const body = `<Error><Code>InvalidRequest</Code><Message>${quoted}</Message><StringToSign>${quoted}</StringToSign></Error>`;
    response.writeHead(status, { 'content-type': 'application/xml', 'x-amz-request-id': quoted });
    response.end(request.method === 'HEAD' ? undefined : body);
  });
  const port = await new Promise<number>((resolve) => {
    echo.listen(0, '127.0.0.1', () => resolve((echo.address() as AddressInfo).port));
  });
  return {
    endpoint: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      echo.closeAllConnections();
      await new Promise((resolve) => echo.close(resolve));
    },
  };
}

async function closedPort(): Promise<number> {
  await using echo = await startEcho(500, []);
  return Number(new URL(echo.endpoint).port);
}

async function filesBelow(folder: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(path, await readFile(path, 'latin1'));
  }
  return files;
}
