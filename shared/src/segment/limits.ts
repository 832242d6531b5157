/**
 * The writer cuts a block (Avro) or frame (lines) after this many raw bytes. A larger record gets a
 * block of its own.
 */
export const BLOCK_BYTES = 1 << 20;

/**
 * The most raw bytes that one block may hold. A record carries at most a key, a document, an update
 * and a pre-image, and the server bounds each at a little over 16 MiB. Waybill writes no block that
 * claims or holds more.
 */
export const MAX_BLOCK_BYTES = 80 << 20;

/** The raw bytes of one segment that may wait for compression or for the bucket. */
export const IN_FLIGHT_BYTES = 4 * BLOCK_BYTES;

/**
 * Above this many characters of Extended JSON, a line gives a document's bytes alone. Small values
 * can grow sixfold as text.
 */
export const MAX_TEXT_CHARACTERS = 24 << 20;

/**
 * The most bytes of one line: its four documents as text and in base64. It also bounds one frame,
 * which holds whole lines.
 */
export const MAX_LINE_BYTES = 320 << 20;
