/** The S3 store against real servers: one that has conditional puts, and one that does not. */
import { describeBucketContract } from '@waybill/shared/bucket/contract';
import { AWS, OTHER } from '@waybill/shared/bucket/s3/dialect';
import { openS3 } from '@waybill/shared/bucket/s3/open-s3';
import { afterAll, beforeAll } from 'vitest';
import { describeWithStores } from '../support/stores/available.ts';
import { type S3Server, startS3Server } from '../support/stores/s3-server.ts';

/** Two parts on their way, one held back, one being filled, one that each connection remembers. */
const HELD_BYTES = 56 * 2 ** 20;

await describeWithStores('S3', ['s3'], () => {
  let server: S3Server;
  beforeAll(async () => {
    server = await startS3Server();
    Object.assign(process.env, server.env);
  });
  afterAll(() => server.stop());

  for (const [name, dialect] of [
    ['S3, checksums as AWS has them', AWS],
    ['S3, checksums that all have', OTHER],
  ] as const) {
    describeBucketContract(name, async () => {
      const store = { endpoint: server.endpoint, region: server.region };
      const url = `s3://${await server.createBucket()}/some/prefix`;
      return {
        bucket: await openS3(url, { store }, dialect),
        url,
        store,
        heldBytes: HELD_BYTES,
        remove: async () => undefined,
      };
    });
  }
});
