import type { Bucket } from '@waybill/shared/bucket/bucket';
import { describeBucketContract } from '@waybill/shared/bucket/contract';
import { openBucket } from '@waybill/shared/bucket/open-bucket';
import { afterAll, beforeAll } from 'vitest';
import { describeWithStores } from '../support/stores/available.ts';
import { type GcsServer, startGcsServer } from '../support/stores/gcs-server.ts';

const MIB = 1024 * 1024;

await describeWithStores('Google Cloud Storage', ['gcs'], () => {
  let server: GcsServer;
  beforeAll(async () => {
    server = await startGcsServer();
  });
  afterAll(() => server?.stop());

  const open = async (prefix = 'acme/waybill'): Promise<{ bucket: Bucket; url: string }> => {
    const url = `gs://${await server.createBucket()}/${prefix}`;
    return { url, bucket: await openBucket(url, { store: { endpoint: server.endpoint } }) };
  };

  describeBucketContract('Google Cloud Storage', async () => ({
    ...(await open()),
    store: { endpoint: server.endpoint },
    heldBytes: 24 * MIB,
    remove: async () => undefined,
  }));
});
