import { availableParallelism } from 'node:os';
import type { TransformOptions } from 'node:stream';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { BLOCK_BYTES } from './limits.ts';

const { ZSTD_c_compressionLevel, ZSTD_e_end } = zlib.constants;

/**
 * Results are cut from memory of this size, and zstd goes through a block at once, without copying
 * it first, where what is left of that has room for the worst case: mostly.
 */
const RESULT_BYTES = 4 * BLOCK_BYTES;

/**
 * Each keeps about six MiB, and does some 400 MB/s: more than a snapshot's readers bring together.
 */
const MOST = 8;

const compressOnce = promisify<zlib.InputType, zlib.ZstdOptions, Buffer>(zlib.zstdCompress);

/**
 * Blocks into zstd frames, by as many compressors as there are processors (to a limit), each used
 * again and again: a new one for each block costs a fifth more, for the tables that it makes and
 * the garbage that it leaves. Blocks wait in order for one.
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
   * One frame, with the content's size in its header. The block may be reused once the promise is
   * settled.
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

/** One block at a time. */
class BlockCompressor {
  readonly #stream: zlib.ZstdCompress;

  constructor(level: number) {
    const options: zlib.ZstdOptions & Pick<TransformOptions, 'readableHighWaterMark'> = {
      params: { [ZSTD_c_compressionLevel]: level },
      // Each write is a whole frame; zstd takes its size for that of the content.
      flush: ZSTD_e_end,
      chunkSize: RESULT_BYTES,
      // A frame's worst case is less than this: the stream never waits for its reader.
      readableHighWaterMark: 2 * BLOCK_BYTES,
    };
    this.#stream = zlib.createZstdCompress(options);
    // It is also what the write is told.
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
