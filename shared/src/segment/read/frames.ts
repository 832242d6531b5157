import zlib from 'node:zlib';
import { decompress, ZSTD_MAGIC } from '../compression.ts';
import type { SegmentCodec } from '../extension.ts';
import { BLOCK_BYTES, MAX_LINE_BYTES } from '../limits.ts';

/**
 * Yields the content of a run of compressed frames piece by piece, and works a piece ahead of the
 * consumer. Rejects with a RangeError if the run does not decompress.
 */
export async function* contentOf(
  bytes: Buffer,
  codec: SegmentCodec,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer, void, undefined> {
  switch (codec) {
    case 'null':
      for (let at = 0; at < bytes.length; at += BLOCK_BYTES) yield bytes.subarray(at, at + BLOCK_BYTES);
      return;
    case 'zstandard':
      // Node's decompressor stops silently after the first frame, so this splits the frames.
      yield* eachAhead(splitZstdFrames(bytes), (frame) => decompress(codec, frame, MAX_LINE_BYTES), signal);
      return;
    case 'gzip':
      yield* gunzip(bytes, signal);
      return;
    case 'deflate':
      throw new RangeError('lines cannot have the codec deflate');
  }
}

/**
 * Runs `work` on each item in order. While one result is with the consumer, the next is under way.
 */
export async function* eachAhead<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Result, void, undefined> {
  const start = (index: number): Promise<Result> | null => {
    if (index >= items.length) return null;
    const result = work(items[index] as Item);
    // The consumer may leave before it takes this result.
    result.catch(() => undefined);
    return result;
  };
  let next = start(0);
  for (let index = 1; next !== null; index++) {
    signal?.throwIfAborted();
    const result = await next;
    signal?.throwIfAborted();
    next = start(index);
    yield result;
  }
}

/**
 * To gunzip, members one after another are one stream. It gives pieces of at most its chunk size.
 */
async function* gunzip(
  bytes: Buffer,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer, void, undefined> {
  if (bytes.length === 0) return;
  const stream = zlib.createGunzip({ chunkSize: BLOCK_BYTES >> 2 });
  stream.end(bytes);
  try {
    for await (const piece of stream) {
      signal?.throwIfAborted();
      yield piece as Buffer;
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw new RangeError('a frame that does not decompress', { cause: error });
  } finally {
    stream.destroy();
  }
}

const ZSTD_RLE_BLOCK = 1;

/**
 * Splits bytes into the frames that lie one after another (RFC 8878, 3.1.1). Throws a RangeError if
 * they are not such frames.
 */
function splitZstdFrames(bytes: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = zstdFrameEnd(bytes, at);
    if (end > bytes.length) throw new RangeError('a frame that ends after its run');
    frames.push(bytes.subarray(at, end));
    at = end;
  }
  return frames;
}

function zstdFrameEnd(bytes: Buffer, start: number): number {
  if (start + 6 > bytes.length || bytes.readUInt32LE(start) !== ZSTD_MAGIC) {
    throw new RangeError('bytes that are no zstd frame');
  }
  const descriptor = bytes.readUInt8(start + 4);
  const singleSegment = (descriptor & 0x20) !== 0;
  const dictionaryIdBytes = [0, 1, 2, 4][descriptor & 3]!;
  const contentSizeBytes = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6]!;
  let at = start + 5 + (singleSegment ? 0 : 1) + dictionaryIdBytes + contentSizeBytes;
  for (let last = false; !last; ) {
    if (at + 3 > bytes.length) throw new RangeError('a frame that ends after its run');
    const header = bytes.readUIntLE(at, 3);
    last = (header & 1) === 1;
    const isRle = ((header >> 1) & 3) === ZSTD_RLE_BLOCK;
    at += 3 + (isRle ? 1 : header >> 3);
  }
  return at + ((descriptor & 4) === 0 ? 0 : 4);
}
