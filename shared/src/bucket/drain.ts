import { abortable } from '../base/lifecycle.ts';

/**
 * Hands a body on piece by piece: the next one is asked for when the last one is written. An abort
 * ends the wait.
 */
export async function drain(
  body: AsyncIterable<Uint8Array>,
  write: (piece: Uint8Array) => Promise<void>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const iterator = body[Symbol.asyncIterator]();
  let finished = false;
  try {
    for (;;) {
      const step = await abortable(iterator.next(), signal);
      if (step.done) {
        finished = true;
        return;
      }
      await write(step.value);
    }
  } finally {
    // Not awaited: a body that hangs in `next` would hang here too.
    if (!finished) void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}
