/**
 * A load may start before its capture has made the stream. It then waits for a while, and says so.
 */

import { sleep } from '@waybill/shared/base/lifecycle';
import type { Logger } from '@waybill/shared/base/logger';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import type { StreamIdentity } from '@waybill/shared/manifest/commit';
import { findStream } from '@waybill/shared/manifest/identity';
import { streamPrefix } from '@waybill/shared/manifest/keys';
import { streamMissing } from '@waybill/shared/manifest/names';
import type { LoadSettings } from '../settings/load-settings.ts';

/** @throws STREAM_MISSING, which names the streams that are there */
export async function awaitStream(
  bucket: Bucket,
  { stream, waitForStream, pollMs }: LoadSettings,
  { logger, signal }: { readonly logger: Logger; readonly signal: AbortSignal },
): Promise<StreamIdentity> {
  const began = performance.now();
  for (let isFirst = true; ; isFirst = false) {
    const found = await findStream(bucket, streamPrefix(stream), { signal });
    if (found) return found;
    const isOver = performance.now() - began >= waitForStream;
    if (isFirst || isOver) {
      const missing = await streamMissing(bucket, stream, { signal });
      if (isOver) throw missing;
      logger.info('there is no such stream yet; waiting for a capture to begin it', {
        stream,
        waitMs: waitForStream,
        hint: missing.hint,
      });
    }
    await sleep(pollMs, signal);
  }
}
