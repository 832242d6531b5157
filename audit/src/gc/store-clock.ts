import { randomUUID } from 'node:crypto';
import { WaybillError } from '@waybill/shared/base/errors';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { PROBE_PREFIX } from '@waybill/shared/bucket/key';
import { type LogOptions, retried } from '@waybill/shared/manifest/options';

/**
 * What the store's clock says now, in milliseconds since 1970: by an object put for that. Ages of
 * objects are told by that clock, and this machine's may go wrong by days.
 */
export async function storeClock(bucket: Bucket, options: LogOptions): Promise<number> {
  const { signal } = options;
  const key = `${PROBE_PREFIX}${randomUUID()}-clock`;
  try {
    await retried((call) => bucket.put(key, Buffer.from('waybill'), call), options);
    const info = await retried((call) => bucket.head(key, call), options);
    if (info) return info.modifiedAt;
  } finally {
    // What stays is a probe's leftover, which a later run removes.
    await bucket.delete(key, { signal }).catch(() => undefined);
  }
  throw new WaybillError('BUCKET_UNAVAILABLE', `${key} was written and is not there`, {
    hint: 'Run the same command again.',
    context: { key },
  });
}
