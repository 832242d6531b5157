import { WaybillError } from '../../errors.ts';
import type { Bucket } from '../bucket.ts';
import type { OpenBucketOptions } from '../open-bucket.ts';

export async function openS3(url: string, _options: OpenBucketOptions): Promise<Bucket> {
  throw new WaybillError('BUCKET_URL_INVALID', `${url}: buckets of kind s3:// come with a later release.`);
}
