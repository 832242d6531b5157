import { sleep } from '@waybill/shared/base/lifecycle';
import type { StructureContext } from './context.ts';

const EVERY_MS = 10_000;

/** Tells in the log how far the builds of a collection are, for as long as they take. */
export async function tellingProgress<T>(
  { target, logger, signal }: Pick<StructureContext, 'target' | 'logger' | 'signal'>,
  namespace: string,
  build: () => Promise<T>,
  everyMs = EVERY_MS,
): Promise<T> {
  const end = new AbortController();
  const telling = tell();
  try {
    return await build();
  } finally {
    end.abort();
    await telling;
  }

  async function tell(): Promise<void> {
    const ended = AbortSignal.any([signal, end.signal]);
    try {
      for (;;) {
        await sleep(everyMs, ended);
        const progress = await target.buildProgress(namespace);
        const percent = progress && Math.floor((100 * progress.done) / progress.total);
        if (!ended.aborted)
          logger.info('indexes are being built', { namespace, ...(progress && { percent }) });
      }
    } catch {
      // The end of the build; or the target does not answer, of which the build tells.
    }
  }
}
