import { ListObjectsV2Command, type ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import { WaybillError } from '../../base/errors.ts';
import type { ListOptions, ObjectInfo } from '../bucket.ts';
import { compareKeys } from '../key.ts';
import type { S3Calls } from './calls.ts';
import { s3Error } from './error.ts';

/**
 * A page at a time. The store's order is the contract's; one that has another is refused rather
 * than sorted.
 */
export async function* listObjects(
  calls: S3Calls,
  prefix: string,
  { startAfter = '', signal, budget }: ListOptions,
): AsyncGenerator<ObjectInfo> {
  let last = '';
  let token: string | undefined;
  do {
    const page = await listPage(calls, prefix, { startAfter, token, signal, budget });
    for (const { Key = '', Size = 0, LastModified } of page.Contents ?? []) {
      const key = decode(Key, page).slice(calls.prefix.length);
      // A marker of a folder, as consoles make them, is no key of ours.
      if (key === '' || key.endsWith('/') || compareKeys(key, startAfter) <= 0) continue;
      if (last !== '' && compareKeys(key, last) <= 0) throw unordered(key);
      last = key;
      yield { key, bytes: Size, modifiedAt: LastModified?.getTime() ?? 0 };
    }
    token = page.IsTruncated ? page.NextContinuationToken : undefined;
  } while (token !== undefined);
}

async function listPage(
  calls: S3Calls,
  prefix: string,
  { startAfter, token, signal, budget }: ListOptions & { token: string | undefined },
): Promise<ListObjectsV2CommandOutput> {
  const command = new ListObjectsV2Command({
    ...calls.inBucket(),
    Prefix: calls.prefix + prefix,
    // XML cannot hold every character that a key may have.
    EncodingType: 'url',
    ...(startAfter && { StartAfter: calls.prefix + startAfter }),
    ...(token !== undefined && { ContinuationToken: token }),
  });
  try {
    return await calls.send(command, { signal, budget });
  } catch (error) {
    throw s3Error(error, 'list', prefix, calls.place);
  }
}

/** Some stores do not encode, and then do not say that they do. */
function decode(key: string, page: ListObjectsV2CommandOutput): string {
  return page.EncodingType === 'url' ? decodeURIComponent(key.replaceAll('+', ' ')) : key;
}

function unordered(key: string): WaybillError {
  return new WaybillError('BUCKET_FEATURE_MISSING', `the store does not list in the order of keys: ${key}`, {
    context: { key },
  });
}
