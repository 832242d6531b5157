import type { Bucket } from '../bucket.ts';
import type { OpenBucketOptions } from '../store-options.ts';
import { parseStoreUrl } from '../store-url.ts';
import { S3Calls } from './calls.ts';
import { createClient } from './client.ts';
import type { Dialect } from './dialect.ts';
import { S3Bucket } from './store.ts';

/**
 * Asks nothing of the store yet. The dialect is for tests; otherwise the store's first answer tells
 * it.
 * @throws BUCKET_URL_INVALID, CONFIG_INVALID, CONFIG_UNREADABLE
 */
export async function openS3(url: string, options: OpenBucketOptions, dialect?: Dialect): Promise<Bucket> {
  const where = parseStoreUrl(url, 's3');
  const store = options.store ?? {};
  return new S3Bucket(new S3Calls(createClient(store), where, store, dialect), where.url);
}
