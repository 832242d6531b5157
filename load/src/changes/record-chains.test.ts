import { buildDocument, int32 } from '@waybill/shared/bson/build';
import { describe, expect, it } from 'vitest';
import { NONE_EARLIER, RecordChains } from './record-chains.ts';

const keyOf = (id: number) => buildDocument([['_id', int32(id)]]);

describe('RecordChains', () => {
  it('names every record of a document, also of very many', () => {
    const chains = new RecordChains();
    const last = new Map<number, number>();
    const of = (id: number): number[] => chains.sequencesOf(last.get(id)!, 'a.b', int32(id).bytes);
    for (let sequence = 1; sequence <= 3000; sequence++) {
      const id = sequence % 7;
      last.set(id, chains.add(sequence, last.get(id) ?? NONE_EARLIER));
    }
    for (let id = 0; id < 7; id++) {
      const expected = Array.from({ length: 3000 }, (_, n) => n + 1).filter((n) => n % 7 === id);
      expect(of(id)).toEqual(expected);
    }
  });

  it('names the records without a document that a later one of the same document carries', () => {
    const chains = new RecordChains();
    chains.addBare(1, 'a.b', keyOf(1));
    chains.addBare(2, 'a.c', keyOf(1));
    chains.addBare(3, 'a.b', keyOf(2));
    const record = chains.add(4, chains.add(2.5, NONE_EARLIER));
    chains.addBare(9, 'a.b', keyOf(1));
    expect(chains.sequencesOf(record, 'a.b', int32(1).bytes)).toEqual([1, 2.5, 4]);
  });
});
