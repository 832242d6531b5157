import type { BufferPool } from '../base/buffer-pool.ts';
import { abortable } from '../base/lifecycle.ts';

export interface Part {
  readonly bytes: Uint8Array;
  readonly isLast: boolean;
  /**
   * Says that nobody reads the bytes any more, so that a later part may have their memory. Not
   * where that is in doubt.
   */
  readonly release: () => void;
}

/**
 * A body in parts of exactly the memory's size, only the last one smaller; none for an empty body.
 * A full part comes when a further byte has, so that it is known not to be the last. Of a stream no
 * more than one part is held here; its pieces are copied, so the body may use their memory again.
 * An abort ends the wait for a piece; a body that fails comes through.
 */
export async function* cutParts(
  body: Uint8Array | AsyncIterable<Uint8Array>,
  memory: BufferPool,
  signal: AbortSignal | undefined,
): AsyncGenerator<Part> {
  const { size } = memory;
  if (body instanceof Uint8Array) {
    for (let at = 0; at < body.length; at += size) {
      yield { bytes: body.subarray(at, at + size), isLast: at + size >= body.length, release: kept };
    }
    return;
  }
  const iterator = body[Symbol.asyncIterator]();
  let finished = false;
  let part = memory.take();
  let filled = 0;
  try {
    for (;;) {
      const step = await abortable(iterator.next(), signal);
      if (step.done) break;
      for (let at = 0; at < step.value.length; ) {
        if (filled === size) {
          yield partOf(part, size, false, memory);
          part = memory.take();
          filled = 0;
        }
        const taken = Math.min(size - filled, step.value.length - at);
        part.set(step.value.subarray(at, at + taken), filled);
        at += taken;
        filled += taken;
      }
    }
    finished = true;
    if (filled > 0) yield partOf(part, filled, true, memory);
    else memory.give(part);
  } finally {
    // Not awaited: a body that hangs in `next` would hang here too.
    if (!finished) void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}

/** Memory that is the caller's own. */
const kept = (): void => undefined;

function partOf(buffer: Buffer, filled: number, isLast: boolean, memory: BufferPool): Part {
  return { bytes: buffer.subarray(0, filled), isLast, release: () => memory.give(buffer) };
}
