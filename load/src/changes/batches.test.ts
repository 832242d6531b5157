import { int32 } from '@waybill/shared/bson/build';
import { describe, expect, it } from 'vitest';
import type { Write } from '../apply/batch.ts';
import { batches } from './batches.ts';

const write = (bytes: number): Write => ({ id: int32(1), document: Buffer.alloc(bytes), record: 0 });
const sizes = (writes: readonly Write[], records: number, bytes: number) =>
  [...batches(writes, { records, bytes })].map((batch) => batch.length);

describe('batches', () => {
  it('cuts by records', () => {
    const writes = Array.from({ length: 7 }, () => write(10));
    expect(sizes(writes, 3, 1e6)).toEqual([3, 3, 1]);
    expect(sizes([], 3, 1e6)).toEqual([]);
  });

  it('cuts by bytes, and gives what is too large a batch of its own', () => {
    expect(sizes([write(400), write(400), write(5000), write(10)], 100, 1000)).toEqual([2, 1, 1]);
  });

  it('leaves nothing out and keeps the order', () => {
    const writes = Array.from({ length: 100 }, (_, n) => write(n));
    expect([...batches(writes, { records: 9, bytes: 700 })].flat()).toEqual(writes);
  });
});
