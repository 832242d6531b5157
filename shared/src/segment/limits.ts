/** Raw bytes after which a block (Avro) or frame (lines) is cut. A larger record gets a block of its own. */
export const BLOCK_BYTES = 1 << 20;

/**
 * The most raw bytes that one block may hold, in bytes: a record carries at most a key, a document, an update and a
 * pre-image, each bounded by the server at a little over 16 MiB. A block that claims or gives more is no block of ours.
 */
export const MAX_BLOCK_BYTES = 80 << 20;

/** Raw bytes that one segment may have waiting for compression or for the bucket. */
export const IN_FLIGHT_BYTES = 4 * BLOCK_BYTES;
