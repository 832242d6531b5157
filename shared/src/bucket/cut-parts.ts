import { abortable } from '../lifecycle.ts';

/**
 * A body in parts of exactly `bytes` bytes, only the last one smaller; none for an empty body. Of a stream no more than
 * one part is held here; its pieces are copied, so the body may use their memory again. An abort ends the wait for a
 * piece; a body that fails comes through.
 */
export async function* cutParts(
  body: Uint8Array | AsyncIterable<Uint8Array>,
  bytes: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  if (body instanceof Uint8Array) {
    for (let at = 0; at < body.length; at += bytes) yield body.subarray(at, at + bytes);
    return;
  }
  const iterator = body[Symbol.asyncIterator]();
  let finished = false;
  let part = Buffer.allocUnsafeSlow(bytes);
  let filled = 0;
  try {
    for (;;) {
      const step = await abortable(iterator.next(), signal);
      if (step.done) break;
      for (let at = 0; at < step.value.length; ) {
        const taken = Math.min(bytes - filled, step.value.length - at);
        part.set(step.value.subarray(at, at + taken), filled);
        at += taken;
        filled += taken;
        if (filled < bytes) continue;
        yield part;
        part = Buffer.allocUnsafeSlow(bytes);
        filled = 0;
      }
    }
    finished = true;
    if (filled > 0) yield part.subarray(0, filled);
  } finally {
    // Not awaited: a body that hangs in `next` would hang here too.
    if (!finished) void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}
