/** A migration to a target that stands in for another, whose loads are killed. */
import { fromObject, type Plain } from '@waybill/shared/bson/build';
import { expect } from 'vitest';
import { ending, Migration } from '../e2e/migration.ts';
import { awaitUntil } from '../support/await-until.ts';
import { testClient } from '../support/raw.ts';
import type { TestServers } from '../support/servers.ts';
import type { StandIn } from '../support/stand-ins/stand-in.ts';

export const SNAPSHOT = /load taken over/;
export const CHANGES = /indexes built/;

export interface Killing {
  /** Null: it is recognised. */
  readonly kind: string | null;
  /** Loads are killed at their next write after they say this. */
  readonly kills: readonly RegExp[];
}

const DOCUMENTS = 600;
export const WAIT_MS = 400_000;

const document = (id: number, value: Plain): Buffer =>
  fromObject({ _id: id, value, nested: { list: [1, { deep: 'text' }], at: new Date(id) } });

async function fill(uri: string, database: string): Promise<void> {
  await using source = await testClient(uri);
  const all = Array.from({ length: DOCUMENTS }, (_, id) => document(id, id));
  await source.insert(database, 'orders', all);
  await source.insert(database, 'people', all.slice(0, 10));
  await source.command(database, {
    createIndexes: 'orders',
    indexes: [
      { key: { value: 1 }, name: 'by value', unique: true },
      { key: { 'nested.at': -1, value: 1 }, name: 'by time' },
    ],
  });
}

async function change(uri: string, database: string): Promise<void> {
  await using source = await testClient(uri);
  const orders = source.client.db(database).collection<{ _id: number }>('orders');
  await orders.updateMany({ _id: { $lt: 200 } }, { $set: { state: 'changed' }, $unset: { nested: '' } });
  await orders.deleteMany({ _id: { $gte: 500 } });
  await source.insert(
    database,
    'orders',
    Array.from({ length: 100 }, (_, id) => document(id + 1000, -id - 1)),
  );
}

/** Kills loads in the snapshot and in the changes, and then lets one end. */
export async function migrate(
  source: TestServers['source'],
  standIn: StandIn,
  { kind, kills }: Killing,
): Promise<void> {
  const { database } = standIn.options;
  const named = kind === null ? [] : ['--target-kind', kind];
  await using migration = await Migration.create({
    servers: { source, target: standIn },
    databases: [database],
    load: named,
  });
  await fill(source.uri, database);
  const capture = migration.start('capture');
  await migration.reached('caught-up', capture);
  await change(source.uri, database);
  await migration.captured();
  capture.kill('SIGTERM');
  await capture.ended;
  standIn.strain.delayMs = 100;
  for (const moment of kills) {
    const load = migration.start('load');
    await awaitUntil(`it says ${moment}`, () => moment.test(load.stderr), { timeoutMs: WAIT_MS });
    const { length } = standIn.traffic.all;
    await awaitUntil('it writes', () =>
      standIn.traffic.all.slice(length).some(({ namespace }) => namespace === `${database}.orders`),
    );
    load.kill('SIGKILL');
    await load.ended;
  }
  standIn.strain.delayMs = 0;
  const loaded = await migration.run('load', ['--until', 'caught-up'], { timeoutMs: WAIT_MS });
  expect(loaded.exitCode, ending(loaded)).toBe(0);
  const verified = await migration.run('verify', ['--json', ...named]);
  expect(verified.exitCode, ending(verified)).toBe(0);
}
