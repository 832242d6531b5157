/**
 * Capture proves that the stream has passed the snapshot: once when all is read, and again if
 * something is read again.
 */

import { WaybillError } from '@waybill/shared/base/errors';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import { expect, it } from 'vitest';
import { awaitUntil } from '../support/await-until.ts';
import { FaultyBucket } from '../support/bucket/faulty-bucket.ts';
import { temporaryBucket } from '../support/bucket.ts';
import { atClockReadings, connectSource, startCapture } from '../support/capturing.ts';
import { testClient } from '../support/raw.ts';
import { differences, replayStream } from '../support/replay.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';

await describeWithServer('the proof that a stream has passed its snapshot', (servers) => {
  it('is made while the last segment is closed, and again when that failed and was read again', async () => {
    const database = uniqueName('proof');
    await using client = await testClient(servers.source.uri);
    const things = client.client.db(database).collection('things');
    await things.insertMany(Array.from({ length: 100 }, (_, n) => ({ n })));

    const log: string[] = [];
    await using connection = await connectSource(servers.source.uri);
    const source = atClockReadings(connection, async () => void log.push('proof'));
    await using folder = await temporaryBucket();
    const bucket = new FaultyBucket(await openBucket(folder.url), async ({ operation, key, moment }) => {
      if (operation !== 'put' || !key.includes('/segments/snapshot/')) return;
      if (moment === 'before') {
        log.push('segment');
        return;
      }
      // The segment is not closed before this returns, so a proof that waited for it would never
      // come.
      await awaitUntil('the proof is begun', () => log.at(-1) === 'proof');
      if (log.includes('failed')) return;
      log.push('failed');
      // Seen by the second reading, and not covered by the first proof.
      await things.updateMany({}, { $set: { later: true } });
      throw new WaybillError('BUCKET_UNAVAILABLE', 'the bucket is away for a moment');
    });
    const capture = startCapture(source, bucket, { include: [database], until: 'snapshot-completed' });
    expect(await capture.ended).toMatchObject({ ended: 'snapshot-completed', snapshotDocuments: 100 });
    // What comes before the first segment is the listing's.
    const found = log.slice(log.indexOf('segment'));
    expect(found).toEqual(['segment', 'proof', 'failed', 'segment', 'proof']);
    expect(await differences(await replayStream(bucket, 'default'), client, database)).toEqual([]);
  });
});
