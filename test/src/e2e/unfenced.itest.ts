/**
 * A store without put-if-absent: refused, unless the operator says that there is one writer; and
 * then it is said everywhere.
 */
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import { readCommits } from '@waybill/shared/manifest/log';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { compareDeployments } from '../support/compare.ts';
import { testClient } from '../support/raw.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import { storeBinary } from '../support/stores/programs.ts';
import { type S3Server, startS3Server } from '../support/stores/s3-server.ts';
import { runWaybill } from '../support/waybill.ts';

await describeWithServer(
  'a store that cannot tell two writers apart',
  (servers) => {
    let minio: S3Server;
    let database: string;
    beforeAll(async () => {
      minio = await startS3Server({ conditions: false });
      database = uniqueName('unfenced');
      await using source = await testClient(servers.source.uri);
      const documents = Array.from({ length: 500 }, (_, n) => ({ n }));
      await source.client.db(database).collection('c').insertMany(documents);
    });
    afterAll(() => minio.stop());

    it('is refused by name, used on request, and every commit says so', async () => {
      const url = `s3://${await minio.createBucket()}/p`;
      const store = ['--bucket-endpoint', minio.endpoint];
      const run = (...more: string[]) =>
        runWaybill(
          [
            ...[
              'run',
              '--source',
              servers.source.uri,
              '--target',
              servers.target.uri,
              '--bucket',
              url,
              ...store,
            ],
            ...['--include', `${database}.*`, '--until', 'caught-up', ...more],
          ],
          { env: minio.env },
        );
      const refused = await run();
      expect(refused.exitCode).toBe(2);
      expect(refused.stderr).toContain('BUCKET_FEATURE_MISSING');
      expect(refused.stderr).toContain('put-if-absent');
      expect(refused.stderr).toContain('--unsafe-single-writer');

      const used = await run('--unsafe-single-writer');
      expect(used.stderr).toContain('fencing is off');
      expect(used.exitCode, used.stderr).toBe(0);
      const compared = { databases: [database] };
      expect(await compareDeployments(servers.source.uri, servers.target.uri, compared)).toEqual([]);

      Object.assign(process.env, minio.env);
      const bucket = await openBucket(url, { store: { endpoint: minio.endpoint } });
      for (const prefix of ['default', 'default/loads/default']) {
        const writers = await Array.fromAsync(readCommits(bucket, prefix), ({ commit }) => commit.writer);
        expect(writers.length).toBeGreaterThan(2);
        for (const writer of writers) expect(writer).toMatch(/ \(unfenced\)$/);
      }
      await bucket.close();
      for (const { stdout, stderr } of [refused, used]) {
        expect(stdout + stderr).not.toContain(minio.secretAccessKey);
        expect(stdout + stderr).not.toContain(minio.accessKeyId);
      }
    });
  },
  { needs: [() => storeBinary('s3-without-conditions')] },
);
