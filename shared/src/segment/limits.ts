/**
 * Raw bytes after which a block (Avro) or frame (lines) is cut. A larger record gets a block of its
 * own.
 */
export const BLOCK_BYTES = 1 << 20;

/**
 * The most raw bytes that one block may hold, in bytes: a record carries at most a key, a document,
 * an update and a pre-image, each bounded by the server at a little over 16 MiB. A block that
 * claims or gives more is no block of ours.
 */
export const MAX_BLOCK_BYTES = 80 << 20;

/** Raw bytes that one segment may have waiting for compression or for the bucket. */
export const IN_FLIGHT_BYTES = 4 * BLOCK_BYTES;

/**
 * Characters of Extended JSON above which a line gives a document's bytes alone: small values can
 * grow sixfold.
 */
export const MAX_TEXT_CHARACTERS = 24 << 20;

/**
 * The most bytes of one line: its four documents as text and in base64. Also of one frame, which
 * holds whole lines.
 */
export const MAX_LINE_BYTES = 320 << 20;
