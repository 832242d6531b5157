import { setImmediate } from 'node:timers/promises';
import { placesOf } from '@waybill/test/support/bson/testing';
import {
  collect,
  MemoryBucket,
  SNAPSHOT,
  sampleDocument,
  storeSnapshot,
} from '@waybill/test/support/segment/testing';
import { describe, expect, it } from 'vitest';
import { buildDocument, int32, string } from '../../bson/build.ts';
import { BLOCK_BYTES, IN_FLIGHT_BYTES } from '../limits.ts';
import { readSnapshotSegment } from '../read/reader.ts';
import { SnapshotSegmentWriter } from './snapshot-writer.ts';

const avroWriter = (codec: 'zstandard' | 'null' = 'null'): SnapshotSegmentWriter =>
  new SnapshotSegmentWriter({ format: 'avro', codec, ...SNAPSHOT });

/** Long enough for everything to happen that can happen without a consumer. */
const settle = async (): Promise<void> => {
  for (let turns = 0; turns < 200; turns++) await setImmediate();
};

describe('the writer of snapshot segments', () => {
  it('waits for the consumer with a few blocks in memory', async () => {
    const writer = avroWriter();
    const documents = Array.from({ length: 40 }, (_, index) => sampleDocument(index, BLOCK_BYTES / 2));
    let appended = false;
    const appending = writer.append(placesOf(documents)).then(() => {
      appended = true;
    });
    await settle();
    expect(appended).toBe(false);
    expect(writer.documentBytes).toBeGreaterThan(BLOCK_BYTES);
    expect(writer.documentBytes).toBeLessThan(IN_FLIGHT_BYTES + 2 * BLOCK_BYTES);

    const body = collect(writer.body);
    await appending;
    const summary = await writer.finish();
    expect(summary).toMatchObject({ records: 40, bytes: (await body).length });
  });

  it('passes on the reason why it was given up, to whoever waits', async () => {
    const writer = avroWriter();
    const documents = Array.from({ length: 40 }, (_, index) => sampleDocument(index, BLOCK_BYTES / 2));
    const appending = writer.append(placesOf(documents));
    appending.catch(() => undefined);
    await settle();
    const reason = new Error('the disk is full');
    writer.abort(reason);
    await expect(appending).rejects.toBe(reason);
    await expect(writer.finish()).rejects.toBe(reason);
    await expect(collect(writer.body)).rejects.toBe(reason);
  });

  it('rejects once the consumer has left', async () => {
    const writer = avroWriter();
    for await (const _ of writer.body) break;
    await expect(writer.append(placesOf([sampleDocument(1)])).then(() => writer.finish())).rejects.toThrow(
      /stopped/,
    );
  });

  it('gives the last _id as it stands in the document, also where it is not first', async () => {
    const writer = avroWriter('zstandard');
    const body = collect(writer.body);
    const last = buildDocument([
      ['a', string('_id')],
      ['_id', string('z')],
    ]);
    await writer.append(placesOf([sampleDocument(1)]));
    await writer.append(placesOf([sampleDocument(2), last]));
    expect((await writer.finish()).lastId).toEqual(string('z'));
    await body;
  });

  it('refuses a document without _id', async () => {
    const writer = avroWriter();
    await expect(writer.append(placesOf([buildDocument([['a', int32(1)]])]))).rejects.toMatchObject({
      code: 'DOCUMENT_INVALID',
    });
  });

  it.each(['avro', 'jsonl'] as const)('takes documents of 16 MiB among small ones (%s)', async (format) => {
    const bucket = new MemoryBucket();
    const documents = [sampleDocument(1), sampleDocument(2, (16 << 20) - 100), sampleDocument(3)];
    const entry = await storeSnapshot(bucket, 'x', format, 'zstandard', [documents]);
    const blocks = await Array.fromAsync(readSnapshotSegment(bucket, 'x', entry));
    expect(Buffer.concat(blocks.flatMap((block) => block.documents)).equals(Buffer.concat(documents))).toBe(
      true,
    );
  });

  it('knows which codecs a format has', () => {
    expect(() => new SnapshotSegmentWriter({ format: 'avro', codec: 'gzip', ...SNAPSHOT })).toThrow(
      TypeError,
    );
    expect(() => new SnapshotSegmentWriter({ format: 'jsonl', codec: 'deflate', ...SNAPSHOT })).toThrow(
      TypeError,
    );
  });
});
