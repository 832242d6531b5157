/** What one put sends, in one request or in parts. */

import type { PutOptions } from '../bucket.ts';
import { STORAGE_CLASS_FROM_BYTES, type StoreOptions } from '../store-options.ts';
import type { Dialect } from './dialect.ts';

/** Where the token of a put stands in the metadata of its object. */
export const TOKEN = 'waybill-put';

export interface PutRequest extends PutOptions {
  readonly key: string;
  readonly token: string;
  readonly dialect: Dialect;
  /** The header that makes the put conditional. */
  readonly header: readonly [string, string] | undefined;
}

/** What an object is made with. */
export function newObject({ kmsKey, storageClass }: StoreOptions, token: string, bytes: number): NewObject {
  return {
    Metadata: { [TOKEN]: token },
    ContentType: 'application/octet-stream',
    ...(kmsKey !== undefined && { ServerSideEncryption: 'aws:kms' as const, SSEKMSKeyId: kmsKey }),
    // The service knows its classes; the SDK's list of names is only AWS's.
    ...(storageClass !== undefined &&
      bytes >= STORAGE_CLASS_FROM_BYTES && { StorageClass: storageClass as 'STANDARD' }),
  };
}

export interface NewObject {
  readonly Metadata: Record<string, string>;
  readonly ContentType: string;
  readonly ServerSideEncryption?: 'aws:kms';
  readonly SSEKMSKeyId?: string;
  readonly StorageClass?: 'STANDARD';
}
