/** Definitions that differ in nothing but types, from the oldest source to a new target. */
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import { BSON, type Db, type Document, Double, Long } from 'mongodb-4-0';
import { expect, it } from 'vitest';
import { temporaryBucket } from '../support/bucket.ts';
import { connectSource, startCapture } from '../support/capturing.ts';
import { testClient } from '../support/raw.ts';
import { load } from '../support/run-load.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import { linesOf, verify } from '../support/verifying.ts';

const NAMES = ['flag', 'long', 'zero'] as const;
const BEFORE = { flag: true, long: Long.fromString('9007199254740993'), zero: new Double(-0) };
const AFTER = { flag: 1, long: Long.fromString('9007199254740992'), zero: new Double(0) };

/** With the types of their numbers. */
async function rulesIn(db: Db): Promise<string[]> {
  const command = { listCollections: 1, cursor: { batchSize: 100 } };
  const { cursor } = await db.command(command, { promoteValues: false });
  const list: readonly Document[] = cursor.firstBatch;
  return list
    .map(({ name, options }) => `${name} ${BSON.EJSON.stringify(options, { relaxed: false })}`)
    .sort();
}

await describeWithServer(
  'definitions of other types',
  (servers) => {
    it('are repeated from a server that tells of no collMod, and verify tells them from each other', async () => {
      const database = uniqueName('types');
      await using client = await testClient(servers.source.uri);
      const db = client.client.db(database);
      for (const name of NAMES) {
        const rule = { a: BEFORE[name] };
        await db.createCollection(name, { validator: rule });
        await db.collection(name).insertOne({ a: BEFORE[name] });
        await db.collection(name).createIndex({ b: 1 }, { name: 'partial', partialFilterExpression: rule });
        await db.createCollection(`${name}_view`, { viewOn: name, pipeline: [{ $match: rule }] });
      }
      await using folder = await temporaryBucket();
      const bucket = await openBucket(folder.url);
      await using source = await connectSource(servers.source.uri);
      const settings = { include: [database], until: 'caught-up' } as const;
      const loaded = {
        bucketUrl: folder.url,
        targetUri: servers.target.uri,
        load: database,
        until: 'caught-up',
      } as const;
      await startCapture(source, bucket, settings).ended;
      await load(loaded);
      expect(linesOf(await verify(servers, [database]))).toEqual([]);

      for (const name of NAMES) {
        const rule = { a: AFTER[name] };
        await db.command({ collMod: name, validator: rule });
        await db.collection(name).dropIndex('partial');
        await db.collection(name).createIndex({ b: 1 }, { name: 'partial', partialFilterExpression: rule });
        await db.command({ collMod: `${name}_view`, viewOn: name, pipeline: [{ $match: rule }] });
      }
      const found = NAMES.flatMap((name) => [
        `${name}: index-different partial: partialFilterExpression`,
        `${name}: options validator`,
        `${name}_view: options pipeline`,
      ]);
      expect(linesOf(await verify(servers, [database]))).toEqual(found.sort());

      await startCapture(source, bucket, settings).ended;
      await load(loaded);
      expect(linesOf(await verify(servers, [database]))).toEqual([]);
      await using target = await testClient(servers.target.uri);
      expect(await rulesIn(target.client.db(database))).toEqual(await rulesIn(db));
    });
  },
  { source: 'oldest' },
);
