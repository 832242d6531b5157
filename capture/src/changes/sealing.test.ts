import { clusterTime } from '@waybill/shared/base/position';
import { describe, expect, it } from 'vitest';
import type { SealedUnit } from '../commit/units.ts';
import type { Change } from '../record/change.ts';
import { Sealer } from './sealing.ts';

const MIB = 1024 * 1024;
const session = new Uint8Array(16).fill(7);

function change(at: number, id: number, more: Partial<Change> = {}): Change {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(id);
  return {
    sequence: 0,
    operation: 'insert',
    namespace: 'shop.orders',
    collectionUuid: null,
    clusterTime: clusterTime(100, at),
    wallTime: null,
    transaction: null,
    documentKey: Buffer.alloc(0),
    document: null,
    documentOrigin: 'none',
    update: null,
    before: null,
    id: { type: 16, bytes },
    hash: 0,
    resumeToken: null,
    bytes: 100,
    lane: 0,
    capped: false,
    ...more,
  };
}

const inTransaction = (at: number, id: number, number = 1n, bytes = 100): Change =>
  change(at, id, { transaction: { session, number }, bytes });

const ddl = (namespace: string) => ({
  operation: 'drop' as const,
  namespace,
  collectionUuid: null,
  clusterTime: '100:1',
  wallTime: null,
  description: null,
});

const token = (name: string): Buffer => Buffer.from(name);
const start = { clusterTime: clusterTime(100, 0), resumeToken: token('start'), taken: 0, lastEvent: null };
const sealer = (limits: Partial<ConstructorParameters<typeof Sealer>[0]> = {}): Sealer =>
  new Sealer({ commitSize: MIB, transactionBytes: 4 * MIB, commitInterval: 1000, ...limits }, start);

const ids = (unit: SealedUnit | undefined): number[] =>
  unit?.kind === 'changes' ? unit.changes.map(({ id }) => Buffer.from(id.bytes).readInt32LE()) : [];

describe('Sealer', () => {
  it('seals at the size, with the position of the last event', () => {
    const subject = sealer({ commitSize: 250 });
    expect(subject.addChange(change(1, 1), token('a'), 0)).toEqual([]);
    expect(subject.addChange(change(2, 2), token('b'), 0)).toEqual([]);
    const [unit] = subject.addChange(change(2, 3), token('c'), 0);
    expect(ids(unit)).toEqual([1, 2, 3]);
    expect(unit?.position).toEqual({
      clusterTime: clusterTime(100, 2),
      resumeToken: token('c'),
      taken: 2,
      lastEvent: clusterTime(100, 2),
    });
    expect(subject.isEmpty).toBe(true);
  });

  it('keeps a transaction together when the size is reached inside it', () => {
    const subject = sealer({ commitSize: 250 });
    subject.addChange(change(1, 1), token('a'), 0);
    for (const id of [2, 3, 4]) expect(subject.addChange(inTransaction(2, id), token('t'), 0)).toEqual([]);
    const [unit, ...rest] = subject.addChange(change(3, 5), token('d'), 0);
    expect(ids(unit)).toEqual([1, 2, 3, 4]);
    expect(unit).toMatchObject({ partialTransaction: false, position: { resumeToken: token('t') } });
    expect(rest).toEqual([]);
  });

  it('tells two transactions apart that have one cluster time', () => {
    const subject = sealer({ commitSize: 150 });
    subject.addChange(inTransaction(1, 1, 1n), token('a'), 0);
    subject.addChange(inTransaction(1, 2, 1n), token('b'), 0);
    expect(ids(subject.addChange(inTransaction(1, 3, 2n), token('c'), 0)[0])).toEqual([1, 2]);
  });

  it('cuts a transaction that is larger than memory allows, and says so', () => {
    const subject = sealer({ commitSize: 100, transactionBytes: 300 });
    subject.addChange(inTransaction(1, 1), token('a'), 0);
    subject.addChange(inTransaction(1, 2), token('b'), 0);
    const [unit] = subject.addChange(inTransaction(1, 3), token('c'), 0);
    expect(unit).toMatchObject({ kind: 'changes', partialTransaction: true });
    expect(unit?.position.taken).toBe(3);
  });

  it('is due by age only where no transaction may go on', () => {
    const subject = sealer();
    expect(subject.dueAt()).toBeNull();
    subject.addChange(change(1, 1), token('a'), 5000);
    expect(subject.dueAt()).toBe(6000);
    subject.addChange(inTransaction(2, 2), token('b'), 5500);
    expect(subject.dueAt()).toBeNull();
    subject.batchEnded(token('b'), clusterTime(100, 2), false);
    expect(subject.dueAt()).toBeNull();
    subject.batchEnded(token('b'), clusterTime(100, 2), true);
    expect(subject.dueAt()).toBe(6000);
    expect(subject.sealAll()[0]).toMatchObject({ partialTransaction: false });
  });

  it('knows from a later position that the transaction is over', () => {
    const subject = sealer();
    subject.addChange(inTransaction(2, 1), token('a'), 0);
    subject.batchEnded(token('high'), clusterTime(100, 9), false);
    expect(subject.isAtBoundary).toBe(true);
    expect(subject.sealAll()[0]?.position).toEqual({
      clusterTime: clusterTime(100, 9),
      resumeToken: token('high'),
      taken: 0,
      lastEvent: clusterTime(100, 2),
    });
  });

  it('lets structure changes stand alone, in order', () => {
    const subject = sealer();
    subject.addChange(change(1, 1), token('a'), 0);
    const [before] = subject.addDdl(ddl('shop.a'), null, { time: clusterTime(100, 2), token: token('b') }, 0);
    expect(ids(before)).toEqual([1]);
    expect(before?.position.resumeToken).toEqual(token('a'));
    expect(subject.addDdl(ddl('shop.b'), null, { time: clusterTime(100, 3), token: token('c') }, 0)).toEqual(
      [],
    );
    const [structure] = subject.addChange(change(4, 2), token('d'), 0);
    expect(structure).toMatchObject({
      kind: 'ddl',
      ddl: [{ event: { namespace: 'shop.a' } }, { event: { namespace: 'shop.b' } }],
      position: { resumeToken: token('c'), taken: 0 },
    });
    expect(ids(subject.sealAll()[0])).toEqual([2]);
  });

  it('counts an expected image once a document', () => {
    const subject = new Sealer(
      { commitSize: 1250, transactionBytes: 1e9, commitInterval: 1 },
      start,
      () => 1000,
    );
    subject.addChange(change(1, 1, { operation: 'update' }), token('a'), 0);
    subject.addChange(change(2, 1, { operation: 'update' }), token('b'), 0);
    expect(subject.bytes).toBe(1200);
    expect(subject.addChange(change(3, 2, { operation: 'update' }), token('c'), 0)).toHaveLength(1);
  });

  it('never lets the position go back', () => {
    const subject = sealer();
    subject.skip(clusterTime(100, 5), token('a'));
    subject.skip(clusterTime(100, 3), token('b'));
    expect(subject.position.clusterTime).toBe(clusterTime(100, 5));
  });
});
