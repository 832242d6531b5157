/**
 * Reads one range while its cursor is lost, its collection is renamed or dropped, or the reader is
 * told to stop.
 */
import { planRanges, type Range } from '@waybill/shared/mongo/read/range-plan';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  binary,
  boolean,
  code,
  codeWithScope,
  date,
  dbPointer,
  decimalBits,
  document,
  double,
  doubleBits,
  int32,
  int64,
  maxKey,
  minKey,
  nullValue,
  object,
  objectId,
  string,
  symbol,
  timestamp,
  type Value,
} from '../support/bson/bytes.ts';
import { describeRanges, padded } from '../support/ranges.ts';

/**
 * One `_id` of every kind, and neighbours of several; numbers of different types are interleaved in
 * value.
 */
const MIXED_IDS: readonly Value[] = [
  minKey,
  nullValue,
  doubleBits('7ff8000000000000'),
  double(Number.NEGATIVE_INFINITY),
  double(Number.POSITIVE_INFINITY),
  int64(-(2n ** 63n)),
  int64(2n ** 53n + 1n),
  double(2 ** 53),
  decimalBits('30400000000000000000000000000005'),
  decimalBits('30420000000000000000000000000007'),
  ...Array.from({ length: 40 }, (_, n) => [
    int32(n * 4 + 100),
    int64(BigInt(n * 4 + 101)),
    double(n * 4 + 102.5),
  ]).flat(),
  string(''),
  symbol('middle'),
  ...Array.from({ length: 40 }, (_, n) => string(`${String.fromCharCode(65 + (n % 26))}${n}`)),
  string('zß'),
  object(),
  object(['a', int32(1)]),
  object(['a', string('1')], ['b', minKey]),
  binary(0, ''),
  binary(0, 'bytes'),
  binary(4, Buffer.alloc(16, 7)),
  ...Array.from({ length: 40 }, (_, n) => objectId(n.toString(16).padStart(24, '0'))),
  boolean(false),
  boolean(true),
  date(-1n),
  date(1_700_000_000_000n),
  timestamp(1, 1),
  dbPointer('a.b', '0123456789abcdef01234567'),
  code('x'),
  codeWithScope('x', document(['y', int32(1)])),
  maxKey,
];

/** Under strength 2 these sort without regard to case, and not as their bytes do. */
const WORDS = [
  'b',
  'A',
  'C',
  'a1',
  'Z',
  'z1',
  'Ä',
  'ö',
  'o',
  'Ž',
  'M',
  'm1',
  '10',
  '9',
  '_',
  ' ',
  'ab',
  'AC',
];

await describeRanges('ranges', (ranges) => {
  const inIdOrder = async (collection: string): Promise<Buffer[]> => {
    const cursor = ranges.client.client
      .db(ranges.database)
      .collection(collection)
      .find({}, { raw: true, sort: { _id: 1 } });
    return (await cursor.toArray()).map((each) => Buffer.from(each as unknown as Buffer));
  };
  const expectCovered = async (collection: string, planned: readonly Range[], uuid: Buffer | null) => {
    const options = { ...(await ranges.settled(uuid)), batchBytes: 4096 };
    const expected = await inIdOrder(collection);
    const natural: Buffer[] = [];
    for await (const each of ranges.client.read(ranges.database, collection, { natural: true }))
      natural.push(each);
    const found: Buffer[] = [];
    for (const range of planned) found.push(...(await ranges.read(collection, { ...range, ...options })));
    expect(found).toEqual(expected);
    expect(found.map((each) => each.toString('hex')).sort()).toEqual(
      natural.map((each) => each.toString('hex')).sort(),
    );
  };
  /** Every document as a bound, and from every document on. */
  const expectEveryCut = async (collection: string, uuid: Buffer | null) => {
    const options = await ranges.settled(uuid);
    const expected = await inIdOrder(collection);
    for (const [index, bound] of expected.entries()) {
      const id = boundOf(bound);
      expect(await ranges.read(collection, { upper: id, ...options })).toEqual(expected.slice(0, index));
      expect(await ranges.read(collection, { lower: id, ...options })).toEqual(expected.slice(index));
      expect(await ranges.read(collection, { after: bound, ...options })).toEqual(expected.slice(index + 1));
    }
  };

  describe('ids of every type in one collection', () => {
    beforeAll(async () => {
      await ranges.insert(
        'mixed',
        MIXED_IDS.map((id) => padded(id)),
      );
    });

    it('covers the collection by planned ranges', async () => {
      const entry = await ranges.entryOf('mixed');
      const { ranges: planned } = await planRanges(ranges.connection, entry, { rangeBytes: 8 * 1024 });
      expect(planned.length).toBeGreaterThan(5);
      await expectCovered('mixed', planned, entry.uuid);
    });

    it('cuts at every id', async () => {
      await expectEveryCut('mixed', (await ranges.entryOf('mixed')).uuid);
    });
  });

  describe('a collection with a collation', () => {
    beforeAll(async () => {
      await ranges.command({
        create: 'words',
        collation: { locale: 'en', strength: 2 },
      });
      await ranges.insert(
        'words',
        [...WORDS.map(string), int32(1), objectId('0'.repeat(24))].map((id) => padded(id)),
      );
    });

    it('covers the collection by planned ranges', async () => {
      const entry = await ranges.entryOf('words');
      expect(entry.collated).toBe(true);
      const { ranges: planned } = await planRanges(ranges.connection, entry, { rangeBytes: 1024 });
      expect(planned.length).toBeGreaterThan(4);
      await expectCovered('words', planned, entry.uuid);
    });

    it('cuts at every id', async () => {
      await expectEveryCut('words', (await ranges.entryOf('words')).uuid);
    });
  });

  it.runIf(ranges.kind === 'current')('covers a clustered collection', async () => {
    await ranges.command({
      create: 'clustered',
      clusteredIndex: { key: { _id: 1 }, unique: true },
    });
    await ranges.insert(
      'clustered',
      MIXED_IDS.map((id) => padded(id)),
    );
    const entry = await ranges.entryOf('clustered');
    expect(entry.clustered).toBe(true);
    const { ranges: planned } = await planRanges(ranges.connection, entry, { rangeBytes: 8 * 1024 });
    expect(planned.length).toBeGreaterThan(5);
    await expectCovered('clustered', planned, entry.uuid);
    await expectEveryCut('clustered', entry.uuid);
  });

  it('plans by sampling where the collection is large', async () => {
    await ranges.insert(
      'large',
      Array.from({ length: 20_000 }, (_, n) => padded(int32(n), 60)),
    );
    const entry = await ranges.entryOf('large');
    expect(entry.documents).toBe(20_000);
    const { ranges: planned } = await planRanges(ranges.connection, entry, {
      rangeBytes: Math.ceil(entry.bytes / 8),
    });
    expect(planned.length).toBeGreaterThanOrEqual(6);
    await expectCovered('large', planned, entry.uuid);
  });

  it('is one range and natural order for a capped collection, and goes on in it', async () => {
    await ranges.command({ create: 'capped', capped: true, size: 1_000_000 });
    const documents = Array.from({ length: 300 }, (_, n) => padded(int32((n * 7919) % 1000), 20));
    await ranges.insert('capped', documents);
    const entry = await ranges.entryOf('capped');
    expect(entry.capped).toBe(true);
    expect((await planRanges(ranges.connection, entry, { rangeBytes: 1000 })).ranges).toEqual([
      { lower: null, upper: null },
    ]);
    const options = { natural: true, ...(await ranges.settled(entry.uuid)) };
    expect(await ranges.read('capped', options)).toEqual(documents);
    expect(await ranges.read('capped', { ...options, after: documents[120] })).toEqual(documents.slice(121));
    const overwritten = padded(int32(5_000_000), 20);
    expect(await ranges.read('capped', { ...options, after: overwritten })).toEqual(documents);
  });
});

/** `{_id: …}` of a document that these tests made: the id is its first field, `pad` the second. */
function boundOf(padded: Buffer): Buffer {
  const end = padded.lastIndexOf(Buffer.from('\x02pad\0', 'latin1'));
  const bound = Buffer.concat([padded.subarray(0, end), Buffer.from([0])]);
  bound.writeInt32LE(bound.length);
  return bound;
}
