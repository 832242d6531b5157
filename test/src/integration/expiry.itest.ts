/**
 * Nothing expires on the target while it is loaded, and after the cutover nothing that the source
 * keeps.
 */

import { fromObject } from '@waybill/shared/bson/build';
import { Decimal128, Double, Long } from 'mongodb-4-0';
import { beforeAll, expect } from 'vitest';
import { Migration } from '../e2e/migration.ts';
import { awaitUntil } from '../support/await-until.ts';
import { itLoadsStructure } from '../support/load-structure.ts';
import { type TestClient, testClient } from '../support/raw.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import { put } from '../support/stream-builder.ts';

const LONG_AGO = new Date('1900-01-01');
/**
 * Expiries by which a 4.0 server deletes nothing dated 1900, or nothing at all; other servers
 * take them for something else.
 */
const NEVER_HERE: Readonly<Record<string, unknown>> = {
  nan: new Double(Number.NaN),
  decimal: Decimal128.fromString('NaN'),
  infinite: new Double(Number.POSITIVE_INFINITY),
  endless: Long.fromString('9223372036854775807'),
  centuries: new Double(1e10),
  flag: true,
  text: '0',
};

await describeWithServer(
  'expiry',
  (servers) => {
    const it = itLoadsStructure(() => servers.target.uri, 'expiry');

    beforeAll(async () => {
      await using source = await testClient(servers.source.uri);
      await using target = await testClient(servers.target.uri);
      await target.command('admin', { setParameter: 1, ttlMonitorSleepSecs: 1 });
      // What expires on the source flows on as deletes: here none is to be.
      await source.command('admin', { setParameter: 1, ttlMonitorEnabled: false });
    });

    /** Longer than the target takes to expire what is due, shown by a document that is. */
    async function afterExpiry(target: TestClient): Promise<void> {
      const witness = target.client.db(uniqueName('expiry_witness')).collection('due');
      await witness.createIndex({ at: 1 }, { expireAfterSeconds: 0 });
      for (let round = 0; round < 2; round++) {
        await witness.insertOne({ at: LONG_AGO });
        await awaitUntil('what is due has expired', async () => (await witness.countDocuments()) === 0);
      }
    }

    it('is what it means on the source, and comes after everything else is proven', async () => {
      const database = uniqueName('expiry');
      await using source = await testClient(servers.source.uri);
      await using target = await testClient(servers.target.uri);
      const [from, to] = [source.client.db(database), target.client.db(database)];
      const create = (name: string, indexes: readonly object[]) =>
        source.command(database, { createIndexes: name, indexes });
      const dated = [LONG_AGO, new Date()].map((at, n) => ({ _id: n as never, at, of: at }));
      for (const [name, expireAfterSeconds] of Object.entries(NEVER_HERE)) {
        await create(name, [{ key: { at: 1 }, name: 'ttl', expireAfterSeconds }]);
      }
      await create('compound', [{ key: { at: 1, of: 1 }, name: 'ttl', expireAfterSeconds: 0 }]);
      await from.createCollection('ring', { capped: true, size: 4096 });
      await create('ring', [{ key: { at: 1 }, name: 'ttl', expireAfterSeconds: 0 }]);
      await create('live', [
        { key: { at: 1 }, name: 'ttl', expireAfterSeconds: new Double(1e9 + 0.5) },
        { key: { of: 1 }, name: 'too early', expireAfterSeconds: -5 },
      ]);
      const names = [...Object.keys(NEVER_HERE), 'compound', 'ring', 'live'];
      for (const name of names) await from.collection(name).insertMany(dated);
      await using migration = await Migration.create({ servers, databases: [database] });
      await migration.startSides();
      const counts = async () =>
        Object.fromEntries(
          await Promise.all(names.map(async (name) => [name, await to.collection(name).countDocuments()])),
        );
      const all = Object.fromEntries(names.map((name) => [name, 2]));
      await afterExpiry(target);
      expect(await counts()).toEqual(all);

      const refused = await migration.run('cutover');
      expect(refused.exitCode, refused.stderr).toBe(3);
      expect(refused.stderr).toMatch(/too early of \S+live: without its expiry of -5 seconds/);
      await afterExpiry(target);
      expect(await counts()).toEqual(all);

      // It may be done without.
      const accept = `blocked:${database}.live.too early`;
      const done = await migration.run('cutover', ['--accept', accept]);
      expect(done.exitCode, done.stderr).toBe(0);
      await awaitUntil('what is due has expired', async () => (await counts()).live === 1);
      await afterExpiry(target);
      expect(await counts()).toEqual({ ...all, live: 1 });
      const standing = await to.collection('live').indexes();
      expect(standing.find(({ name }) => name === 'ttl')).toMatchObject({ expireAfterSeconds: 1e9 });
    });

    it('and uniqueness of an empty collection made beforehand are held back and given back, whoever wants them', async ({
      client,
      database,
      orders,
      stream,
      run,
      restore,
      indexes,
    }) => {
      const there = client.client.db(database).collection('orders');
      await there.createIndexes([
        { key: { at: 1 }, name: 'ttl', expireAfterSeconds: 0 },
        { key: { of: 1 }, name: 'theirs', expireAfterSeconds: 0 },
        { key: { state: 1 }, name: 'their unique', unique: true },
        { key: { hidden: 1 }, name: 'hidden', hidden: true },
      ]);
      const clusteredIndex = { v: 2, key: { _id: 1 }, name: '_id_', unique: true };
      await client.command(database, { create: 'clustered', clusteredIndex, expireAfterSeconds: 0 });
      const dated = [1, 2].map((n) => ({ _id: new Date(n), at: LONG_AGO, of: LONG_AGO, state: 1 }));
      const documents = dated.map(fromObject);
      await stream.snapshot([
        {
          namespace: orders,
          documents,
          indexes: [
            fromObject({ v: 2, key: { at: 1 }, name: 'ttl', expireAfterSeconds: 2e9 }),
            fromObject({ v: 2, key: { hidden: 1 }, name: 'hidden' }),
            fromObject({ v: 2, key: { state: 1 }, name: 'plain' }),
          ],
        },
        { namespace: `${database}.clustered`, options: fromObject({ clusteredIndex }), documents },
      ]);
      await stream.changes([put(orders, fromObject({ ...dated[1]!, state: 2 }), 'replace')]);
      await stream.milestone('caught-up');
      for (const how of ['none', 'after-snapshot'] as const) {
        await run({ indexes: how });
        await afterExpiry(client);
        expect(await there.countDocuments()).toBe(2);
        expect(await client.client.db(database).collection('clustered').countDocuments()).toBe(2);
        for (const index of (await indexes()).values()) {
          expect(index).not.toHaveProperty('unique');
          expect(index).not.toHaveProperty('expireAfterSeconds');
        }
      }
      await restore();
      const restored = await indexes();
      expect(restored.get('ttl')).toHaveProperty('expireAfterSeconds');
      expect(restored.get('theirs')).toMatchObject({ expireAfterSeconds: 0 });
      expect(restored.get('their unique')).toMatchObject({ unique: true });
      expect(restored.get('hidden')).not.toHaveProperty('hidden');
      expect(restored.get('plain')).not.toHaveProperty('unique');
    });
  },
  { source: 'oldest', ownPair: true },
);
