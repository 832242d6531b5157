/**
 * Some collections of a database are captured, others are not. Renames move collections between the
 * two while they are written to. What is included ends as on the source, and nothing else reaches
 * the target.
 */
import type { Db, Document } from 'mongodb-4-0';
import { expect, it } from 'vitest';
import { testClient } from '../support/raw.ts';
import { describeWithServer, type ServerKind, type TestServers, uniqueName } from '../support/servers.ts';
import { AT_WORK, Migration, said } from './migration.ts';

interface Variant {
  readonly source: ServerKind;
  /** Lists of names become a filter in the change stream; patterns don't. */
  readonly include: (database: string) => readonly string[];
  readonly how: string;
}

const NAMES = ['in_a', 'in_b', 'in_c', 'in_c2', 'in_d', 'in_e', 'in_f', 'in_g', 'in_h'];
const byName = (database: string): string[] => NAMES.map((name) => `${database}.${name}`);
const byPattern = (database: string): string[] => [`${database}.in_*`];

const VARIANTS: readonly Variant[] = [
  { source: 'current', how: 'by names', include: byName },
  { source: 'current', how: 'by a pattern', include: byPattern },
  { source: 'oldest', how: 'by names', include: byName },
  { source: 'oldest', how: 'by a pattern', include: byPattern },
];

for (const variant of VARIANTS) {
  await describeWithServer(
    `collections included ${variant.how}, from the ${variant.source} server,`,
    (servers) => {
      it('may be renamed out of and into what is captured', async () => {
        await migrate(variant, servers);
      });
    },
    { source: variant.source },
  );
}

async function migrate({ include }: Variant, servers: TestServers): Promise<void> {
  const [database, other] = [uniqueName('inclusion'), uniqueName('elsewhere')];
  await using client = await testClient(servers.source.uri);
  const db = client.client.db(database);
  for (const name of ['in_a', 'in_c', 'in_d', 'in_e', 'in_secret', 'out_b', 'out_e', 'out_g', 'out_x']) {
    await fill(db, name, 40);
  }
  await fill(client.client.db(other), 'out_f', 40);
  await using migration = await Migration.create({
    servers,
    databases: [database, other],
    include: include(database),
    capture: ['--exclude', `${database}.in_secret`],
    load: ['--allow-drop'],
  });
  const capture = migration.start('capture');
  await migration.reached('caught-up', capture);
  const load = migration.start('load');
  await said(load, AT_WORK);
  const rename = async (from: string, to: string, dropTarget = false): Promise<void> => {
    await touch(db, from);
    await db.collection(from).rename(to, { dropTarget });
    await touch(db, to);
  };
  await rename('in_a', 'out_a');
  await rename('out_b', 'in_b');
  await rename('in_c', 'in_c2');
  // Where another collection was included before.
  await rename('out_x', 'in_a');
  // Out and back, and changed meanwhile.
  await rename('in_d', 'out_d');
  await rename('out_d', 'in_d');
  // In place of a captured one.
  await rename('out_e', 'in_e', true);
  await rename('in_secret', 'in_g');
  await rename('out_g', 'in_secret');
  // Between databases the server copies, and then renames the copy.
  await client.command('admin', { renameCollection: `${other}.out_f`, to: `${database}.in_f` });
  await touch(db, 'in_f');
  // In, changed, and gone again.
  await fill(db, 'out_h', 30);
  await rename('out_h', 'in_h');
  await db.collection('in_h').drop();
  for (const side of [capture, load]) side.kill('SIGTERM');
  for (const side of [capture, load]) expect((await side.ended).exitCode, side.stderr).toBe(0);
  const lines = await migration.finish();

  expect(lines).toEqual([
    `${database}.in_secret: missing on the target`,
    `${database}.out_a: missing on the target`,
  ]);
  await using target = await testClient(servers.target.uri);
  const names = await target.client.db(database).listCollections({}, { nameOnly: true }).toArray();
  expect(names.map(({ name }) => name).sort()).toEqual([
    'in_a',
    'in_b',
    'in_c2',
    'in_d',
    'in_e',
    'in_f',
    'in_g',
  ]);
}

async function fill(db: Db, name: string, documents: number): Promise<void> {
  const created = await db.createCollection<Document & { _id: number }>(name);
  await created.insertMany(Array.from({ length: documents }, (_, n) => ({ _id: n, from: name, n })));
  await created.createIndex({ n: 1 });
}

/** Updates whose images are looked up when the collection already has another name. */
async function touch(db: Db, name: string): Promise<void> {
  const collection = db.collection<Document & { _id: number }>(name);
  await collection.updateMany({ n: { $lt: 20 } }, { $set: { touchedAs: name }, $inc: { touched: 1 } });
  await collection.deleteOne({ _id: 39 });
  await collection.insertOne({ _id: 39, from: name });
}
