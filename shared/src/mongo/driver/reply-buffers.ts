/**
 * Buffers for replies, used again by one socket after the other: a snapshot opens a socket for each
 * of its chunks, and what each would leave behind is far more than the engine collects in time.
 */
const free: Buffer[] = [];
/** A reply as large as a bulk reader asks for, with room for a larger document at its end. */
const REPLY_BYTES = 5 << 20;
const KEPT = 8;

/** A buffer of at least that many bytes, with anything in it. */
export function takeReplyBuffer(bytes: number): Buffer {
  if (bytes <= REPLY_BYTES) return free.pop() ?? Buffer.allocUnsafeSlow(REPLY_BYTES);
  return Buffer.allocUnsafeSlow(bytes + (bytes >> 3));
}

/** Nobody reads or fills it any more. */
export function giveReplyBuffer(buffer: Buffer): void {
  if (buffer.length === REPLY_BYTES && free.length < KEPT) free.push(buffer);
}
