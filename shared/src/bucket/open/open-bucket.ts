import { fileURLToPath } from 'node:url';
import { WaybillError } from '../../base/errors.ts';
import type { Bucket } from '../bucket.ts';
import type { OpenBucketOptions } from '../store-options.ts';

type Opener = (url: string, options: OpenBucketOptions) => Promise<Bucket>;

/** Each store is loaded only when its scheme is asked for: the SDKs of the clouds are large. */
const OPENERS: Readonly<Record<string, Opener>> = {
  file: async (url) => (await import('../folder/folder.ts')).openFolder(folderOf(url)),
  s3: async (url, options) => (await import('../s3/open-s3.ts')).openS3(url, options),
  gs: async (url, options) => (await import('../gcs/open-gcs.ts')).openGcs(url, options),
};

/** One letter and a colon is a drive, not a scheme. */
const SCHEME = /^([a-z][a-z0-9+.-]+):/i;

/**
 * Opens the bucket that an option or configuration key names: a path, `file:///path`, `s3://…`,
 * `gs://…`. Asks nothing of a cloud's store yet: the first call does.
 * @throws BUCKET_URL_INVALID, CONFIG_UNREADABLE (the CA file)
 */
export async function openBucket(url: string, options: OpenBucketOptions = {}): Promise<Bucket> {
  if (url.trim() === '') {
    throw new WaybillError('BUCKET_URL_INVALID', 'the bucket is empty', {
      hint: 'Give --bucket a folder, s3://bucket/prefix or gs://bucket/prefix.',
    });
  }
  const scheme = SCHEME.exec(url)?.[1]?.toLowerCase();
  if (scheme === undefined) return (await import('../folder/folder.ts')).openFolder(url);
  const opener = Object.hasOwn(OPENERS, scheme) ? OPENERS[scheme] : undefined;
  if (!opener) {
    throw new WaybillError('BUCKET_URL_INVALID', `a bucket of kind ${scheme}: is not known`, {
      hint: 'Use a path, file:///path, s3://bucket/prefix or gs://bucket/prefix. For a folder whose name holds a colon, write ./ before it.',
    });
  }
  return opener(url, options);
}

function folderOf(url: string): string {
  try {
    return fileURLToPath(url);
  } catch (error) {
    throw new WaybillError('BUCKET_URL_INVALID', 'a file: bucket must be file:///path, with no host in it', {
      hint: 'Write file:///path, or the plain path.',
      cause: error,
    });
  }
}
