import { BLOCK_BYTES } from '../limits.ts';

/**
 * Buffers for raw blocks, used again and again: fresh memory of that size costs a page fault every
 * 4 KiB. A buffer comes back only when nothing reads it any more, which is after the compression of
 * its block has settled.
 */
const free: Buffer[] = [];
const KEPT = 16;

/** A buffer of at least that many bytes. */
export function takeBlockBuffer(bytes: number): Buffer {
  if (bytes > BLOCK_BYTES) return Buffer.allocUnsafeSlow(bytes);
  return free.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
}

export function giveBlockBuffer(buffer: Buffer): void {
  if (buffer.length === BLOCK_BYTES && free.length < KEPT) free.push(buffer);
}
