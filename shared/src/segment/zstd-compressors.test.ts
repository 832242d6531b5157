import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import zlib from 'node:zlib';
import { expect, it } from 'vitest';
import { zstdContentBytes } from './compression.ts';
import { BLOCK_BYTES } from './limits.ts';
import { ZstdCompressors } from './zstd-compressors.ts';

/** The first twelve fill a compressor's memory for results several times over. */
const blocks = [
  ...Array.from({ length: 12 }, () => randomBytes(BLOCK_BYTES)),
  ...Array.from({ length: 12 }, (_, index) => Buffer.alloc(BLOCK_BYTES - index, `block ${index} `)),
  Buffer.from('x'),
  randomBytes(3 * BLOCK_BYTES),
  Buffer.alloc(20 * BLOCK_BYTES, 'large'),
];

it('makes of each block one frame that says its size, however many come at once and again', async () => {
  const compressors = new ZstdCompressors(1);
  expect(blocks.length).toBeGreaterThan(2 * availableParallelism());
  for (let round = 0; round < 3; round++) {
    const frames = await Promise.all(blocks.map((block) => compressors.compress(block)));
    for (const [index, frame] of frames.entries()) {
      const block = blocks[index]!;
      expect(zstdContentBytes(padded(frame))).toBe(block.length);
      expect(zlib.zstdDecompressSync(frame).equals(block)).toBe(true);
    }
  }
});

it('gives the same bytes whichever compressor is free, and others at another level', async () => {
  const text = Buffer.from(Array.from({ length: 20_000 }, (_, i) => `order ${i * 7919} of ${i % 97}`).join());
  const [fast, other] = [new ZstdCompressors(1), new ZstdCompressors(9)];
  const [first, ...rest] = await Promise.all(Array.from({ length: 9 }, () => fast.compress(text)));
  expect(rest.every((each) => each.equals(first!))).toBe(true);
  expect((await other.compress(text)).equals(first!)).toBe(false);
});

/** The header of a short frame, padded to the length that its reader needs. */
function padded(frame: Buffer): Buffer {
  return Buffer.concat([frame, Buffer.alloc(18)]);
}
