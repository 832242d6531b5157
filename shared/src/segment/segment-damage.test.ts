import { createHash } from 'node:crypto';
import zlib from 'node:zlib';
import schema from '@waybill/schemas/record.avsc.json' with { type: 'json' };
import {
  MemoryBucket,
  sampleDocument,
  sampleLanes,
  sampleRecord,
  storeChanges,
  storeSnapshot,
} from '@waybill/test/support/segment/testing';
import avsc from 'avsc';
import { describe, expect, it } from 'vitest';
import type { SegmentEntry } from '../manifest/commit.ts';
import { encodeHeader, frameBlock } from './avro/container.ts';
import { readSegment } from './read/reader.ts';

const KEY = 'stream/segments/x';
const SYNC = Buffer.alloc(16, 0x5a);
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/**
 * Puts bytes under the key, and gives an entry that vouches for them. A reader must find what is
 * wrong by looking inside.
 */
const vouch = (bucket: MemoryBucket, bytes: Buffer, entry: Partial<SegmentEntry>): SegmentEntry => {
  bucket.objects.set(KEY, bytes);
  return {
    kind: 'snapshot',
    key: KEY,
    format: 'avro',
    codec: 'zstandard',
    namespace: 'shop.orders',
    records: 1,
    documentBytes: 0,
    bytes: bytes.length,
    sha256: sha256(bytes),
    ...entry,
  };
};

const read = (bucket: MemoryBucket, entry: SegmentEntry, lanes?: number[]): Promise<unknown> =>
  Array.fromAsync(readSegment(bucket, KEY, entry, { lanes }));

const expectCorrupt = async (reading: Promise<unknown>, message: RegExp): Promise<void> => {
  await expect(reading).rejects.toMatchObject({
    code: 'SEGMENT_CORRUPT',
    message: expect.stringMatching(message),
  });
};

const avroFile = (records: number, block: Buffer): Buffer =>
  Buffer.concat([encodeHeader('zstandard', SYNC), frameBlock(records, block, SYNC)]);

const zeros = (bytes: number, options: zlib.ZstdOptions = {}): Buffer =>
  zlib.zstdCompressSync(Buffer.alloc(bytes), options);

describe('a segment whose hash is right and whose content is not', () => {
  it('may not decompress without bound', async () => {
    const bucket = new MemoryBucket();
    const bytes = 96 << 20;
    for (const bomb of [zeros(bytes), zeros(bytes, { pledgedSrcSize: bytes })]) {
      await expectCorrupt(
        read(bucket, vouch(bucket, avroFile(1, bomb), {})),
        /decompresses to more|claims to hold/,
      );
    }
    const deflated = Buffer.concat([
      encodeHeader('deflate', SYNC),
      frameBlock(1, zlib.deflateRawSync(Buffer.alloc(bytes)), SYNC),
    ]);
    await expectCorrupt(read(bucket, vouch(bucket, deflated, { codec: 'deflate' })), /decompresses to more/);
  });

  it('may not hold a line without end', async () => {
    const bucket = new MemoryBucket();
    const parts = Array.from({ length: 5 }, () => zeros(70 << 20));
    const entry = vouch(bucket, Buffer.concat(parts), { format: 'jsonl', records: 1 });
    await expectCorrupt(read(bucket, entry), /a line of more than/);
  });

  it('may not claim what is not there', async () => {
    const bucket = new MemoryBucket();
    const garbage = Buffer.alloc(50, 0xff);
    await expectCorrupt(read(bucket, vouch(bucket, avroFile(1, garbage), {})), /does not decompress/);
    await expectCorrupt(
      read(bucket, vouch(bucket, avroFile(2 ** 40, zeros(9)), {})),
      /holds 1099511627776 records/,
    );
    const claims = vouch(bucket, avroFile(2 ** 40, zeros(9)), { records: 2 ** 40 });
    await expectCorrupt(read(bucket, claims), /claims 1099511627776 records/);
    const longer = Buffer.concat([encodeHeader('zstandard', SYNC), Buffer.from('02feffffff1f', 'hex')]);
    await expectCorrupt(read(bucket, vouch(bucket, longer, {})), /ends after its block/);
    const unmarked = avroFile(1, zeros(9));
    unmarked[unmarked.length - 1]! ^= 1;
    await expectCorrupt(read(bucket, vouch(bucket, unmarked, {})), /sync marker/);
  });

  it('may not be another kind of file', async () => {
    const bucket = new MemoryBucket();
    await expectCorrupt(
      read(bucket, vouch(bucket, Buffer.from('PAR1 and more'), {})),
      /start as an Avro file/,
    );
    const entry = await storeSnapshot(bucket, KEY, 'avro', 'deflate', [[sampleDocument(1)]]);
    await expectCorrupt(read(bucket, { ...entry, codec: 'zstandard' }), /its codec is "deflate"/);
    await expectCorrupt(read(bucket, { ...entry, format: 'jsonl', codec: 'zstandard' }), /no zstd frame/);
    await expectCorrupt(read(bucket, { ...entry, format: 'jsonl', codec: 'gzip' }), /does not decompress/);
    await expectCorrupt(read(bucket, { ...entry, format: 'jsonl', codec: 'null' }), /not a record|no end/);
  });

  it.each([
    ['avro', 'zstandard'],
    ['jsonl', 'zstandard'],
  ] as const)('may not differ from its entry in count or collection (%s)', async (format, codec) => {
    const bucket = new MemoryBucket();
    const entry = await storeSnapshot(bucket, KEY, format, codec, [[sampleDocument(1), sampleDocument(2)]]);
    await expectCorrupt(read(bucket, { ...entry, records: 1 }), /holds/);
    await expectCorrupt(read(bucket, { ...entry, records: 3 }), /holds 2 records/);
    await expectCorrupt(read(bucket, { ...entry, namespace: 'shop.other' }), /another collection/);
  });

  it('may not have its runs elsewhere, or its sequences out of order', async () => {
    const bucket = new MemoryBucket();
    const entry = await storeChanges(bucket, KEY, {
      format: 'avro',
      codec: 'zstandard',
      records: sampleLanes(30, 3),
    });
    const lanes = entry.lanes!;
    await expectCorrupt(read(bucket, { ...entry, lanes: lanes.slice(1) }, [1]), /leave a gap/);
    await expectCorrupt(read(bucket, { ...entry, lanes: lanes.slice(0, 2) }, [1]), /do not cover/);
    await expectCorrupt(read(bucket, { ...entry, headerBytes: entry.headerBytes! - 1 }, [1]), /leave a gap/);
    await expectCorrupt(read(bucket, { ...entry, records: 31 }, [1]), /all its records/);

    const unordered = await storeChanges(bucket, KEY, {
      format: 'avro',
      codec: 'zstandard',
      records: [{ lane: 0, records: [1, 3, 2, 4].map((sequence) => sampleRecord(sequence)) }],
    });
    await expectCorrupt(read(bucket, unordered), /sequence 2 stands/);
  });

  it('read by lanes, may have a damaged header only where it does not matter', async () => {
    const bucket = new MemoryBucket();
    const options = { format: 'avro', codec: 'zstandard', records: sampleLanes(12, 3) } as const;
    const entry = await storeChanges(bucket, KEY, options);
    const good = bucket.objects.get(KEY)!;
    const expected = await read(bucket, entry, [1]);
    let found = 0;
    for (let at = 0; at < entry.headerBytes!; at += 7) {
      const bad = Buffer.from(good);
      bad[at]! ^= 1;
      bucket.objects.set(KEY, bad);
      try {
        expect(await read(bucket, entry, [1])).toEqual(expected);
      } catch (error) {
        expect(error).toMatchObject({
          code: expect.stringMatching(/^(SEGMENT_CORRUPT|FORMAT_UNSUPPORTED)$/),
        });
        found += 1;
      }
    }
    expect(found).toBeGreaterThan(20);
  });
});

describe('reading a segment', () => {
  it('stops at a signal, with its reason', async () => {
    const bucket = new MemoryBucket();
    const documents = Array.from({ length: 3000 }, (_, index) => sampleDocument(index, 2000));
    const entry = await storeSnapshot(bucket, KEY, 'avro', 'zstandard', [documents]);
    const stop = new AbortController();
    const reading = readSegment(bucket, KEY, entry, { signal: stop.signal });
    expect((await reading.next()).done).toBe(false);
    const reason = new Error('enough');
    stop.abort(reason);
    await expect(reading.next()).rejects.toBe(reason);
  });

  it('passes on what the bucket says', async () => {
    const bucket = new MemoryBucket();
    const entry = await storeSnapshot(bucket, KEY, 'avro', 'zstandard', [[sampleDocument(1)]]);
    bucket.objects.clear();
    await expect(read(bucket, entry)).rejects.toMatchObject({ code: 'BUCKET_OBJECT_MISSING' });
  });
});

describe('an Avro file that Waybill did not write', () => {
  const empty = {
    sequence: 0,
    operation: 'read',
    namespace: 'shop.orders',
    collectionUuid: null,
    wallTime: null,
  };
  const record = {
    ...empty,
    ...{ clusterTime: { seconds: 5, increment: 6 }, transaction: null, documentOrigin: 'snapshot' },
    ...{ documentKey: Buffer.from('key'), document: Buffer.from('document'), update: null, before: null },
  };
  const write = async (type: avsc.Type, value: object): Promise<Buffer> => {
    const encoder = new avsc.streams.BlockEncoder(type, { codec: 'null' });
    encoder.end(value);
    return Buffer.concat((await Array.fromAsync(encoder as AsyncIterable<Buffer>)) as Buffer[]);
  };

  it('is read where its schema is ours', async () => {
    const bucket = new MemoryBucket();
    const file = await write(avsc.Type.forSchema(schema as avsc.Schema), record);
    expect(await read(bucket, vouch(bucket, file, { codec: 'null' }))).toEqual([
      { kind: 'snapshot', documents: [record.document] },
    ]);
  });

  it('is refused where a field is added, moved or of another type', async () => {
    const bucket = new MemoryBucket();
    const [first, ...rest] = schema.fields;
    const foreign = [
      [...schema.fields, { name: 'more', type: 'int', default: 0 }],
      [...rest, first],
      [{ ...first, type: 'int' }, ...rest],
    ];
    for (const fields of foreign) {
      const type = avsc.Type.forSchema({ ...schema, fields } as avsc.Schema);
      const file = await write(type, { ...record, more: 1 });
      await expect(read(bucket, vouch(bucket, file, { codec: 'null' }))).rejects.toMatchObject({
        code: 'FORMAT_UNSUPPORTED',
        message: expect.stringContaining(KEY),
      });
    }
  });
});
