import type { Write } from '../apply/batch.ts';

export interface BatchLimits {
  readonly records: number;
  readonly bytes: number;
}

/**
 * Cuts consecutive writes into batches. A write that is too large for any is a batch of its own.
 */
export function* batches(
  writes: readonly Write[],
  limits: BatchLimits,
): Generator<readonly Write[], void, undefined> {
  let from = 0;
  let bytes = 0;
  for (const [index, write] of writes.entries()) {
    // An update's statement holds the `_id` twice.
    const size = (write.document?.length ?? 0) + write.id.bytes.length + STATEMENT_BYTES;
    if (index > from && (index - from >= limits.records || bytes + size > limits.bytes)) {
      yield writes.slice(from, index);
      from = index;
      bytes = 0;
    }
    bytes += size;
  }
  if (from < writes.length) yield writes.slice(from);
}

/** Bytes of an update or delete statement around its `_id` and document. */
const STATEMENT_BYTES = 64;
