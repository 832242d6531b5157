/** `s3://bucket/prefix` and `gs://bucket/prefix`. */
import { WaybillError } from '../base/errors.ts';
import { keyFault } from './key.ts';

export interface StoreUrl {
  readonly bucket: string;
  /** Before every key: empty, or ending in `/`. */
  readonly prefix: string;
  /** The same URL in one form. */
  readonly url: string;
}

/**
 * Not by the URL class: a prefix may hold `?`, `#` and `%`, which mean themselves in a key. Nothing
 * but the bucket's name stands before the first slash, so a password given there is refused, and
 * not repeated.
 * @throws BUCKET_URL_INVALID
 */
export function parseStoreUrl(url: string, scheme: 's3' | 'gs'): StoreUrl {
  const [, bucket = '', path = ''] = /^[a-z0-9]+:\/\/([^/]*)(?:\/(.*))?$/is.exec(url) ?? [];
  if (!/^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/.test(bucket)) {
    throw invalid(scheme, `A bucket's name has 3 or more of a-z, 0-9, dot, hyphen and underscore.`);
  }
  const folder = path.endsWith('/') ? path.slice(0, -1) : path;
  const fault = folder === '' ? undefined : keyFault(folder);
  if (fault) throw invalid(scheme, `The prefix after the bucket's name is not right: ${fault}.`);
  const prefix = folder === '' ? '' : `${folder}/`;
  return { bucket, prefix, url: `${scheme}://${bucket}/${folder}` };
}

function invalid(scheme: string, fault: string): WaybillError {
  return new WaybillError('BUCKET_URL_INVALID', fault, {
    hint: `Write ${scheme}://bucket or ${scheme}://bucket/prefix; the endpoint is given by --bucket-endpoint.`,
  });
}
