import { promisify } from 'node:util';
import zlib from 'node:zlib';
import type { SegmentCodec } from './extension.ts';
import { ZstdCompressors } from './zstd-compressors.ts';

/**
 * Chunk size for the output of one block. Each block is compressed whole, in libuv's pool. Every
 * output chunk is a trip to the pool and back, so chunks are large: three eighths of the input are
 * mostly enough for the output. A larger chunk costs memory that V8 collects garbage for.
 */
const outputRoom = (raw: Buffer): number => (raw.length >> 2) + (raw.length >> 3) + 1024;

/** Chunk size if the size of the output is not known beforehand. */
const CHUNK_BYTES = 256 << 10;

const DEFAULT_LEVEL = 1;

const zstdDecompress = promisify<zlib.InputType, zlib.ZstdOptions, Buffer>(zlib.zstdDecompress);
const deflate = promisify<zlib.InputType, zlib.ZlibOptions, Buffer>(zlib.deflateRaw);
const inflate = promisify<zlib.InputType, zlib.ZlibOptions, Buffer>(zlib.inflateRaw);
const gzip = promisify<zlib.InputType, zlib.ZlibOptions, Buffer>(zlib.gzip);

/**
 * The caller may reuse the block once the promise is settled. With the codec `null` it may not: the
 * block itself is the result.
 */
export async function compress(codec: SegmentCodec, level: number | undefined, raw: Buffer): Promise<Buffer> {
  switch (codec) {
    case 'null':
      return raw;
    case 'deflate':
      return deflate(raw, { level: level ?? DEFAULT_LEVEL, chunkSize: outputRoom(raw) });
    case 'gzip':
      return gzip(raw, { level: level ?? DEFAULT_LEVEL, chunkSize: outputRoom(raw) });
    case 'zstandard':
      return zstdCompressors(level ?? DEFAULT_LEVEL).compress(raw);
  }
}

/** The compressors by level. A process uses one level, or two. */
const zstd = new Map<number, ZstdCompressors>();

function zstdCompressors(level: number): ZstdCompressors {
  const known = zstd.get(level);
  if (known) return known;
  const made = new ZstdCompressors(level);
  zstd.set(level, made);
  return made;
}

/**
 * Rejects with a RangeError if the bytes do not decompress, or decompress to more than `most`
 * bytes.
 */
export async function decompress(codec: SegmentCodec, compressed: Buffer, most: number): Promise<Buffer> {
  try {
    switch (codec) {
      case 'null':
        return compressed;
      case 'deflate':
        return await inflate(compressed, { chunkSize: CHUNK_BYTES, maxOutputLength: most });
      case 'zstandard':
        return await zstdDecompress(compressed, {
          chunkSize: outputChunk(zstdContentBytes(compressed), most),
          maxOutputLength: most,
        });
      case 'gzip':
        throw new RangeError('blocks cannot have the codec gzip');
    }
  } catch (error) {
    if (error instanceof RangeError && !('code' in error)) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    throw new RangeError(
      code === 'ERR_BUFFER_TOO_LARGE'
        ? `a block that decompresses to more than ${most} bytes`
        : 'a block that does not decompress',
      { cause: error },
    );
  }
}

/**
 * Returns room for the whole content and one byte more. A full chunk makes zlib go to the pool
 * again, so one byte to spare saves that trip.
 */
function outputChunk(contentBytes: number | undefined, most: number): number {
  if (contentBytes === undefined) return CHUNK_BYTES;
  if (contentBytes > most) throw new RangeError(`a block that claims to hold ${contentBytes} bytes`);
  return Math.max(contentBytes + 1, 64);
}

export const ZSTD_MAGIC = 0xfd2f_b528;

/**
 * Reads the content size from a zstd frame's header (RFC 8878, 3.1.1.1). Returns undefined if the
 * frame does not say.
 */
export function zstdContentBytes(frame: Buffer): number | undefined {
  if (frame.length < 18 || frame.readUInt32LE(0) !== ZSTD_MAGIC) return undefined;
  const descriptor = frame.readUInt8(4);
  const singleSegment = (descriptor & 0x20) !== 0;
  const dictionaryIdBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const at = 5 + (singleSegment ? 0 : 1) + dictionaryIdBytes;
  switch (descriptor >> 6) {
    case 0:
      return singleSegment ? frame.readUInt8(at) : undefined;
    case 1:
      return frame.readUInt16LE(at) + 256;
    case 2:
      return frame.readUInt32LE(at);
    default:
      return Number(frame.readBigUInt64LE(at));
  }
}
