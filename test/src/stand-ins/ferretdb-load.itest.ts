/**
 * A migration to FerretDB whose load is killed. What it refuses becomes dead letters, and all else
 * is there.
 */
import * as b from '@waybill/shared/bson/build';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ending, Migration } from '../e2e/migration.ts';
import { awaitUntil } from '../support/await-until.ts';
import { SAMPLES } from '../support/bson/samples.ts';
import { type FerretdbServer, ferretdbBinary, startFerretdb } from '../support/ferretdb/server.ts';
import { testClient } from '../support/raw.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import { WAIT_MS } from './killed-loads.ts';

/** Of the types of values, those that FerretDB does not take; of names likewise. */
const REFUSED = [
  ...['infinity', 'array', 'undefined', 'dbPointer', 'code', 'symbol', 'codeWithScope', 'decimal'],
  ...['minKey', 'maxKey', 'nan', 'dollar', 'dot', 'deepDecimal'],
];
interface Difference {
  readonly namespace: string;
  readonly id: string;
  readonly kind: string;
  readonly letter: number;
}

const VALUES: Readonly<Record<string, b.Plain>> = {
  ...SAMPLES,
  nan: Number.NaN,
  dollar: { $x: 1 },
  dot: { 'a.b': 1 },
  deepDecimal: [{ deep: SAMPLES.decimal! }],
  flatArray: [1, 'two', { three: [3] }],
};
const corpus = Object.entries(VALUES).map(([_id, v]) => b.fromObject({ _id, v }));
const order = (id: number, v: b.Plain): Buffer => b.fromObject({ _id: id, v, at: new Date(id) });

await describeWithServer(
  'a migration to FerretDB',
  (servers) => {
    let ferretdb: FerretdbServer;
    beforeAll(async () => {
      ferretdb = await startFerretdb();
    });
    afterAll(() => ferretdb?.[Symbol.asyncDispose]());

    it('brings everything that FerretDB takes, and keeps the rest as dead letters', {
      timeout: WAIT_MS,
    }, async () => {
      const database = uniqueName('ferret');
      await using source = await testClient(servers.source.uri);
      const orders = Array.from({ length: 400 }, (_, id) => order(id, id));
      await source.insert(database, 'orders', orders);
      await source.insert(database, 'corpus', corpus);
      await using migration = await Migration.create({
        servers: { source: servers.source, target: ferretdb },
        databases: [database],
        load: ['--max-dead-letters', '100'],
      });
      const capture = migration.start('capture');
      await migration.reached('caught-up', capture);
      const ids = source.client.db(database).collection<{ _id: number }>('orders');
      await ids.updateMany({ _id: { $lt: 100 } }, { $set: { state: 'changed' } });
      await ids.deleteMany({ _id: { $gte: 350 } });
      await source.insert(database, 'changed', corpus);
      await migration.captured();
      capture.kill('SIGTERM');
      await capture.ended;

      const load = migration.start('load');
      await using target = await testClient(ferretdb.uri);
      const there = target.client.db(database);
      await awaitUntil('it writes', async () => (await there.collection('orders').countDocuments()) > 0);
      load.kill('SIGKILL');
      await load.ended;
      const loaded = await migration.run('load', ['--until', 'caught-up'], {
        timeoutMs: WAIT_MS,
      });
      expect(loaded.exitCode, ending(loaded)).toBe(0);
      expect(await there.collection('orders').countDocuments()).toBe(350);
      const { open } = JSON.parse(await migration.must('dead-letters', 'list', '--json'));
      expect(open).toBe(2 * REFUSED.length);
      const verified = await migration.run('verify', ['--json']);
      const { differences } = JSON.parse(verified.stdout) as { readonly differences: readonly Difference[] };
      const refused = ['changed', 'corpus'].flatMap((name) =>
        REFUSED.map((_id) => `${database}.${name} ${JSON.stringify({ _id })} missing`),
      );
      expect(differences.map(({ namespace, id, kind }) => `${namespace} ${id} ${kind}`).sort()).toEqual(
        refused.sort(),
      );
      // Each of them is a dead letter.
      expect(differences.every(({ letter }) => letter > 0)).toBe(true);
    });
  },
  { needs: [ferretdbBinary] },
);
