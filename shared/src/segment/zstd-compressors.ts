import { availableParallelism } from 'node:os';
import type { TransformOptions } from 'node:stream';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { BLOCK_BYTES } from './limits.ts';

const { ZSTD_c_compressionLevel, ZSTD_e_end } = zlib.constants;

/**
 * Results are cut from memory of this size. If the rest of it has room for the worst case, zstd
 * compresses a block in one go, without copying it first. Mostly it has room.
 */
const RESULT_BYTES = 4 * BLOCK_BYTES;

/**
 * The most compressors. Each keeps about six MiB and does some 400 MB/s. That is more than a
 * snapshot's readers bring together.
 */
const MOST = 8;

const compressOnce = promisify<zlib.InputType, zlib.ZstdOptions, Buffer>(zlib.zstdCompress);

/**
 * Compresses blocks into zstd frames, with as many compressors as there are processors (to a
 * limit). Each compressor is used again and again. A new one for each block would cost a fifth
 * more, for the tables that it makes and the garbage that it leaves. Blocks wait in order for a
 * compressor.
 */
export class ZstdCompressors {
  readonly #level: number;
  readonly #free: BlockCompressor[] = [];
  readonly #waiting: ((compressor: BlockCompressor) => void)[] = [];
  #left = Math.min(MOST, Math.max(2, availableParallelism()));

  constructor(level: number) {
    this.#level = level;
  }

  /**
   * Returns one frame, with the content's size in its header. The caller may reuse the block once
   * the promise is settled.
   */
  async compress(block: Buffer): Promise<Buffer> {
    if (block.length > BLOCK_BYTES) {
      const params = { [ZSTD_c_compressionLevel]: this.#level };
      return compressOnce(block, { params, pledgedSrcSize: block.length, chunkSize: block.length >> 1 });
    }
    const compressor = await this.#take();
    try {
      return await compressor.compress(block);
    } finally {
      this.#give(compressor);
    }
  }

  async #take(): Promise<BlockCompressor> {
    const free = this.#free.pop();
    if (free) return free;
    if (this.#left === 0) return new Promise((resolve) => this.#waiting.push(resolve));
    this.#left -= 1;
    return new BlockCompressor(this.#level);
  }

  #give(compressor: BlockCompressor): void {
    const usable = compressor.isBroken ? new BlockCompressor(this.#level) : compressor;
    const next = this.#waiting.shift();
    if (next) next(usable);
    else this.#free.push(usable);
  }
}

/** Compresses one block at a time. */
class BlockCompressor {
  readonly #stream: zlib.ZstdCompress;

  constructor(level: number) {
    const options: zlib.ZstdOptions & Pick<TransformOptions, 'readableHighWaterMark'> = {
      params: { [ZSTD_c_compressionLevel]: level },
      // Each write is a whole frame. So zstd takes the size of the write for the size of the
      // content.
      flush: ZSTD_e_end,
      chunkSize: RESULT_BYTES,
      // The worst case of a frame is less than this, so the stream never waits for its reader.
      readableHighWaterMark: 2 * BLOCK_BYTES,
    };
    this.#stream = zlib.createZstdCompress(options);
    // The callback of the write gets the same error.
    this.#stream.on('error', () => undefined);
  }

  get isBroken(): boolean {
    return this.#stream.destroyed;
  }

  compress(block: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#stream.write(block, (error) => {
        if (error) reject(error);
        else resolve(this.#stream.read() as Buffer);
      });
    });
  }
}
