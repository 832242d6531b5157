/** A capture reads a collection again after its rename, and dies at each of its writes in turn. */

import { WaybillError } from '@waybill/shared/base/errors';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import { readManifest } from '@waybill/shared/manifest/log';
import { expect, it } from 'vitest';
import { FaultyBucket } from '../support/bucket/faulty-bucket.ts';
import { temporaryBucket } from '../support/bucket.ts';
import { connectSource, startCapture } from '../support/capturing.ts';
import { compareDeployments } from '../support/compare.ts';
import { testClient } from '../support/raw.ts';
import { replayStream } from '../support/replay.ts';
import { load } from '../support/run-load.ts';
import { describeWithServer, type ServerKind, uniqueName } from '../support/servers.ts';

/** From 6.0 only a rename from outside has the collection read again. */
const CASES: readonly { readonly kind: ServerKind; readonly from: string; readonly what: string }[] = [
  { kind: 'current', from: 'outside', what: 'into what is captured' },
  { kind: 'oldest', from: 'inside', what: 'within what is captured' },
];

for (const { kind, from, what } of CASES) {
  await describeWithServer(
    `a rename ${what}, ${kind} server`,
    (servers) => {
      it('drops nothing that the source did not, wherever the capture dies', async () => {
        const { source: server, target } = servers;
        const database = uniqueName('renamed');
        await using client = await testClient(server.uri);
        await using source = await connectSource(server.uri);
        await using folder = await temporaryBucket();
        const bucket = await openBucket(folder.url);
        const db = client.client.db(database);
        const include = ['inside', 'other', 'to'].map((name) => `${database}.${name}`);
        const settings = { include, commitSize: 10_000, until: 'caught-up' } as const;
        const documents = Array.from({ length: 300 }, (_, i) => ({ i, pad: 'p'.repeat(100) }));
        await db.collection(from).insertMany(documents);
        await db.collection('other').insertOne({});
        await startCapture(source, bucket, settings).ended;
        await db.collection(from).updateMany({ i: { $lt: 10 } }, { $set: { early: true } });
        await db.collection(from).rename('to');
        await db.collection('to').updateMany({ i: { $gte: 290 } }, { $set: { late: true } });
        await db.collection('to').deleteMany({ i: { $gte: 10, $lt: 20 } });

        let readings = 0;
        for (let writes = 2; ; writes++) {
          const ended = startCapture(source, diesAt(bucket, writes), settings).ended;
          if (await ended.then(() => true, died)) break;
          if ((await readManifest(bucket, 'default')).reading) readings++;
        }
        const { commits } = await replayStream(bucket, 'default');
        const ddl = commits.flatMap((commit) => commit.ddl ?? []);
        expect(ddl.filter(({ operation }) => operation === 'create' || operation === 'rename')).toHaveLength(
          1,
        );

        // Without --allow-drop.
        await load({ bucketUrl: folder.url, targetUri: target.uri, load: database, until: 'caught-up' });
        if (from === 'outside')
          await db
            .collection('outside')
            .drop()
            .catch(() => undefined);
        const structure = kind === 'current';
        const found = await compareDeployments(server.uri, target.uri, { databases: [database], structure });
        expect(found).toEqual([]);
        expect(readings).toBeGreaterThan(3);
        expect((await readManifest(bucket, 'default')).reading).toBeNull();
      });
    },
    { source: kind },
  );
}

/** From that put on nothing is written, as after a process has died. */
function diesAt(bucket: Bucket, writes: number): Bucket {
  let left = writes;
  return new FaultyBucket(bucket, ({ operation }) => {
    if (operation === 'put' && --left <= 0) throw new WaybillError('INTERNAL', 'crash');
  });
}

function died(error: unknown): false {
  expect(error).toMatchObject({ message: 'crash' });
  return false;
}
