import { throwIfAborted } from '@waybill/shared/base/lifecycle';
import { UNFINISHED_AGE_MS } from '@waybill/shared/bucket/bucket';
import { isUploadOfOurs } from '@waybill/shared/manifest/keys';
import type { StartDeps } from './deps.ts';

/**
 * Removes uploads that a crash cut short, as far as possible: they are no objects and harm nothing,
 * but stores bill their bytes.
 */
export async function removeLeftovers(
  prefix: string,
  { bucket, logger, signal }: Pick<StartDeps, 'bucket' | 'logger' | 'signal'>,
): Promise<void> {
  try {
    const removed = await bucket.removeUnfinished(`${prefix}/`, {
      olderThanMs: UNFINISHED_AGE_MS,
      isOurs: isUploadOfOurs,
      signal,
    });
    if (removed > 0) logger.info('removed uploads that never ended', { removed });
  } catch (error) {
    throwIfAborted(signal);
    logger.warn('could not look for uploads that never ended', { error });
  }
}
