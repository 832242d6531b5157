import type { DataRecord, DocumentOrigin, Operation } from '@waybill/shared/base/record';
import { buildDocument, double, fromObject, int32, string } from '@waybill/shared/bson/build';
import type { RawElement } from '@waybill/shared/bson/raw';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Coalescer } from './coalesce.ts';

let sequence = 0;
function change(
  operation: Operation,
  id: RawElement,
  state: number | null,
  origin: DocumentOrigin = operation === 'delete' ? 'none' : 'event',
): DataRecord {
  return {
    sequence: ++sequence,
    operation,
    namespace: 'shop.orders',
    collectionUuid: null,
    clusterTime: 1n,
    wallTime: null,
    transaction: null,
    documentKey: buildDocument([['_id', id]]),
    document:
      state === null
        ? null
        : buildDocument([
            ['_id', id],
            ['state', int32(state)],
          ]),
    documentOrigin: origin,
    update: null,
    before: null,
  };
}

function coalesce(records: readonly DataRecord[]) {
  const coalescer = new Coalescer();
  for (const record of records) coalescer.add(record);
  const runs = [...coalescer.runs()];
  return {
    deletes: runs.flatMap((run) => run.deletes.map((write) => [write.id.type, ...write.id.bytes].join())),
    documents: runs.flatMap((run) => run.upserts.map((write) => Buffer.from(write.document!))),
    coalesced: coalescer.coalesced,
  };
}
const id = (element: RawElement): string => [element.type, ...element.bytes].join();

describe('Coalescer', () => {
  it('keeps the last state of each document', () => {
    const a = int32(1);
    const b = int32(2);
    const result = coalesce([
      change('insert', a, 1),
      change('insert', b, 1),
      change('update', a, 2),
      change('delete', b, null),
    ]);
    expect(result.documents).toEqual([
      buildDocument([
        ['_id', a],
        ['state', int32(2)],
      ]),
    ]);
    expect(result.deletes).toEqual([id(b)]);
    expect(result.coalesced).toBe(2);
  });

  it('keeps what a delete says stands under another shard key', () => {
    const a = int32(1);
    const result = coalesce([
      change('update', a, 1),
      change('insert', a, 2),
      change('delete', a, 3, 'lookup'),
    ]);
    expect(result.deletes).toEqual([]);
    expect(result.documents).toEqual([
      buildDocument([
        ['_id', a],
        ['state', int32(3)],
      ]),
    ]);
  });

  it('skips records whose state a later record carries', () => {
    const a = int32(1);
    const result = coalesce([change('update', a, null, 'superseded'), change('update', a, null, 'missing')]);
    expect(result).toEqual({ deletes: [], documents: [], coalesced: 2 });
  });

  it('keeps apart ids that are equal to the server and not in bytes', () => {
    const whole = int32(1);
    const fraction = double(1);
    const result = coalesce([change('delete', whole, null), change('insert', fraction, 7)]);
    expect(result.deletes).toEqual([id(whole)]);
    expect(result.documents).toEqual([
      buildDocument([
        ['_id', fraction],
        ['state', int32(7)],
      ]),
    ]);
  });

  it('files an image under the _id inside it', () => {
    const record = change('update', int32(1), null);
    const image = buildDocument([
      ['_id', double(1)],
      ['state', int32(3)],
    ]);
    const result = coalesce([
      { ...record, document: image, documentOrigin: 'lookup' },
      change('delete', int32(1), null),
    ]);
    expect(result.deletes).toEqual([id(int32(1))]);
    expect(result.documents).toEqual([image]);
  });

  it('moves a document that was deleted in between to its new place in the order', () => {
    const a = string('a');
    const b = string('b');
    const { documents } = coalesce([
      change('insert', a, 1),
      change('insert', b, 2),
      change('delete', a, null),
      change('insert', a, 3),
    ]);
    expect(documents.map((document) => document.readInt32LE(document.length - 5))).toEqual([2, 3]);
  });

  it('refuses an update that was captured without its document', () => {
    const coalescer = new Coalescer();
    expect(() => coalescer.add(change('update', int32(1), null, 'none'))).toThrow(/captured without images/);
  });

  it('ends as applying one by one does, whatever the server holds for equal', () => {
    // 1 and 1.0 stand for any two equal ids; a source holds at most one of them at a time.
    const step = fc.record({
      double: fc.boolean(),
      state: fc.integer({ min: 0, max: 99 }),
      drop: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.boolean(), (steps, startsAlive) => {
        const ids = [int32(1), double(1)] as const;
        let alive: { id: RawElement; state: number } | null = startsAlive ? { id: ids[0], state: -1 } : null;
        const target = alive ? { ...alive } : null;
        const records: DataRecord[] = [];
        for (const { double: asDouble, state, drop } of steps) {
          const wanted = ids[asDouble ? 1 : 0];
          if (alive && (drop || alive.id !== wanted)) {
            records.push(change('delete', alive.id, null));
            alive = null;
          }
          if (!drop) {
            records.push(change(alive ? 'update' : 'insert', wanted, state));
            alive = { id: wanted, state };
          }
        }
        const { deletes, documents } = coalesce(records);
        // The target's rule: a delete of either removes what stands there; an upsert replaces it,
        // bytes and all.
        let document: Buffer | null = target ? fromTarget(target) : null;
        if (deletes.length > 0) document = null;
        expect(documents.length).toBeLessThanOrEqual(1);
        document = documents[0] ?? document;
        expect(document).toEqual(alive ? fromTarget(alive) : null);
      }),
    );
  });
});

function fromTarget({ id, state }: { id: RawElement; state: number }): Buffer {
  return fromObject({ _id: id, state });
}
