import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BufferPool } from '../base/buffer-pool.ts';
import { WaybillError } from '../base/errors.ts';
import { cutParts } from './cut-parts.ts';

describe('a body in parts', () => {
  test('is the same bytes, in parts of the size and one rest, however it came', async () => {
    const pieces = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(pieces, fc.integer({ min: 1, max: 30 }), async (given, size) => {
        const whole = Buffer.concat(given);
        // One buffer for all pieces, as a writer may have it.
        const reused = Buffer.alloc(40);
        async function* stream(): AsyncGenerator<Uint8Array> {
          for (const piece of given) {
            reused.set(piece);
            yield reused.subarray(0, piece.length);
            reused.fill(0);
          }
        }
        for (const body of [whole, stream()]) {
          const parts = await Array.fromAsync(cutParts(body, new BufferPool(size, 2), undefined));
          expect(Buffer.concat(parts.map(({ bytes }) => bytes)).equals(whole)).toBe(true);
          expect(parts.map(({ isLast }) => isLast)).toEqual(parts.map((_, i) => i === parts.length - 1));
          expect(parts.map(({ bytes }) => bytes.length)).toEqual([
            ...Array.from({ length: Math.floor(whole.length / size) }, () => size),
            ...(whole.length % size === 0 ? [] : [whole.length % size]),
          ]);
        }
      }),
    );
  });

  test('ends the body that it does not read out, and fails as it fails', async () => {
    let ended = false;
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield Buffer.alloc(5);
      } finally {
        ended = true;
      }
    }
    for await (const { bytes } of cutParts(endless(), new BufferPool(10, 2), undefined)) {
      expect(bytes).toHaveLength(10);
      break;
    }
    expect(ended).toBe(true);
    const failure = new Error('the body failed');
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(5);
      throw failure;
    }
    await expect(Array.fromAsync(cutParts(failing(), new BufferPool(10, 2), undefined))).rejects.toBe(
      failure,
    );
  });

  test('ends with the reason of an abort, also where the body hangs', async () => {
    const reason = new WaybillError('INTERRUPTED', 'enough');
    const controller = new AbortController();
    async function* hanging(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(5);
      controller.abort(reason);
      await new Promise(() => undefined);
    }
    await expect(Array.fromAsync(cutParts(hanging(), new BufferPool(10, 2), controller.signal))).rejects.toBe(
      reason,
    );
  });

  test('uses the memory of a part again once it is released, and not before', async () => {
    const memory = new BufferPool(4, 1);
    async function* body(): AsyncGenerator<Uint8Array> {
      for (let n = 0; n < 5; n++) yield Buffer.alloc(4, n);
    }
    const buffers = new Set<ArrayBufferLike>();
    const seen: { readonly bytes: Uint8Array; readonly copy: Buffer }[] = [];
    for await (const { bytes, release } of cutParts(body(), memory, undefined)) {
      buffers.add(bytes.buffer);
      const copy = Buffer.from(bytes);
      // The third is still being read when the others come.
      if (copy[0] === 2) seen.push({ bytes, copy });
      else release();
    }
    expect(seen.map(({ bytes, copy }) => copy.equals(bytes))).toEqual([true]);
    // One for the first three, another one since the third keeps it.
    expect(buffers.size).toBe(2);
  });

  test('gives the memory back, and keeps no more of it than it may', () => {
    const memory = new BufferPool(4, 1);
    const [first, second] = [memory.take(), memory.take()];
    memory.give(first);
    memory.give(second);
    expect(memory.take()).toBe(first);
    expect(memory.take()).not.toBe(second);
  });
});
