/**
 * A document that the target refuses stops the load. The error names the record and shows no value
 * of any document. Once the cause is removed, the same command goes on where it was. Nothing is
 * dropped silently.
 */
import type { Db, Document, IndexSpecification } from 'mongodb-4-0';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { awaitUntil } from '../support/await-until.ts';
import { type TestClient, testClient } from '../support/raw.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import type { CommandResult } from '../support/waybill.ts';
import { ending, Migration, said } from './migration.ts';

/** In ids and values. No output may contain it. */
const SECRET = 'PLANTED-VALUE';
const CAUGHT_UP = ['--until', 'caught-up'] as const;

interface Refusal {
  readonly what: string;
  readonly index: IndexSpecification;
  readonly options: Document;
  readonly document: Document;
}

/** Indexes that the target already has, and what they refuse. Servers tend to quote it. */
const INDEXES: readonly Refusal[] = [
  { what: 'a geo index', index: { place: '2dsphere' }, options: {}, document: { place: { type: SECRET } } },
  { what: 'a plane index', index: { place: '2d' }, options: {}, document: { place: [SECRET, 1] } },
  { what: 'a text index', index: { text: 'text' }, options: {}, document: { text: 'x', language: SECRET } },
  { what: 'two arrays', index: { a: 1, b: 1 }, options: {}, document: { a: [SECRET, 1], b: [SECRET, 2] } },
];

await describeWithServer('what the target refuses', (servers) => {
  let database: string;
  let source: TestClient;
  let target: TestClient;
  let migration: Migration;

  beforeEach(async () => {
    database = uniqueName('refused');
    source = await testClient(servers.source.uri);
    target = await testClient(servers.target.uri);
    // All that it can be made to say.
    const loud = ['--log-level', 'debug'];
    migration = await Migration.create({ servers, databases: [database], capture: loud, load: loud });
  });
  afterEach(async () => {
    await migration[Symbol.asyncDispose]();
    await source[Symbol.asyncDispose]();
    await target[Symbol.asyncDispose]();
  });
  const here = (): Db => source.client.db(database);
  const there = (): Db => target.client.db(database);
  const orders = () => here().collection<Document & { _id: string | number }>('orders');
  const capture = async (): Promise<void> => {
    const result = await migration.run('capture', CAUGHT_UP);
    expect(result.exitCode, ending(result)).toBe(0);
    expectDiscreet(result);
  };
  const load = (...more: string[]) => migration.run('load', [...CAUGHT_UP, ...more]);

  function expectStopped(result: CommandResult, code: string, exitCode: number, ...named: string[]): void {
    expect(result.stderr, ending(result)).toContain(`code: ${code}`);
    for (const name of named) expect(result.stderr).toContain(name);
    expect(result.exitCode).toBe(exitCode);
    expect(result.stderr).toContain('hint: ');
    expect(result.stderr).not.toMatch(/\n\s+at /);
    expectDiscreet(result);
  }
  function expectDiscreet({ stdout, stderr }: CommandResult): void {
    expect(stdout + stderr).not.toContain(SECRET);
  }
  async function expectSame(): Promise<void> {
    const result = await load();
    expect(result.exitCode, ending(result)).toBe(0);
    expectDiscreet(result);
    const found = await migration.differences();
    expect(found.filter((line) => !line.includes('structure'))).toEqual([]);
  }
  const namespace = () => `${database}.orders`;

  it('by a validator of its own, from the snapshot and from the changes', async () => {
    await orders().insertMany(
      Array.from({ length: 50 }, (_, n) => ({ _id: `${SECRET} ${n}`, n, text: SECRET })),
    );
    await there().createCollection('orders', { validator: { n: { $lt: 40 } } });
    await capture();
    expectStopped(await load(), 'TARGET_REFUSED_DOCUMENT', 1, namespace(), 'snapshot segment', 'code 121');
    await there().command({ collMod: 'orders', validator: { n: { $lt: 100 } } });
    await expectSame();
    await orders().updateOne({ _id: `${SECRET} 7` }, { $set: { n: 100 } });
    await capture();
    expectStopped(await load(), 'TARGET_REFUSED_DOCUMENT', 1, namespace(), 'change 1', 'code 121');
    expect(await there().collection('orders').countDocuments({ n: 100 })).toBe(0);
    await there().command({ collMod: 'orders', validator: {} });
    await expectSame();
  });

  for (const { what, index, options, document } of INDEXES) {
    it(`by ${what} that it has already`, async () => {
      await there().createCollection('orders');
      await there().collection('orders').createIndex(index, options);
      await orders().insertMany([
        { _id: `${SECRET} 1`, ...document },
        { _id: `${SECRET} 2`, ...document },
      ]);
      await capture();
      expectStopped(await load(), 'TARGET_REFUSED_DOCUMENT', 1, namespace(), 'snapshot segment');
    });
  }

  it('by a unique index that it has already: told at the cutover, and left out where that is accepted', async () => {
    await there().createCollection('orders');
    await there().collection('orders').createIndex({ name: 1 }, { unique: true });
    await orders().insertMany([
      { _id: `${SECRET} 1`, name: SECRET },
      { _id: `${SECRET} 2`, name: SECRET },
    ]);
    const capturing = migration.start('capture');
    await migration.reached('caught-up', capturing);
    const loading = migration.start('load');
    await said(loading, /held back until the cutover.*index=name_1/);
    await awaitUntil(
      'both are there',
      async () => (await there().collection('orders').countDocuments()) === 2,
    );
    const extra = `extra:${namespace()}.name_1`;
    expectStopped(await migration.run('cutover'), 'CUTOVER_NOT_READY', 3, extra);
    const accepted = await migration.must('cutover', '--accept', extra);
    expect(accepted).toContain(
      `index ${namespace()} name_1: refused, at least one key stands in more than one`,
    );
    capturing.kill('SIGTERM');
    for (const side of [capturing, loading]) expectDiscreet(await side.ended);
    expect(await there().collection('orders').countDocuments()).toBe(2);
  });

  it('to be filled where it holds documents of others', async () => {
    await orders().insertOne({ _id: 1 });
    await there().collection('orders').insertOne({ mine: SECRET });
    await capture();
    expectStopped(await load(), 'TARGET_NOT_EMPTY', 2, namespace());
    expect(await there().collection('orders').countDocuments()).toBe(1);
    await there().collection('orders').drop();
    await expectSame();
  });

  it('to drop what nobody said may be dropped', async () => {
    await orders().insertMany([{ _id: 1 }, { _id: 2 }]);
    await here().collection('kept').insertOne({ n: 1 });
    await capture();
    await expectSame();
    await orders().drop();
    await here().collection('kept').insertOne({ n: 2 });
    await capture();
    expectStopped(await load(), 'TARGET_DROP_NOT_ALLOWED', 2, namespace(), '--allow-drop');
    expect(await there().collection('orders').countDocuments()).toBe(2);
    expect(await there().collection('kept').countDocuments()).toBe(1);
    const halted = await load('--ddl', 'halt');
    expectStopped(halted, 'TARGET_DDL_HALTED', 1, namespace());
    const allowed = await load('--allow-drop');
    expect(allowed.exitCode, ending(allowed)).toBe(0);
    expect(await migration.differences()).toEqual([]);
  });

  it('to be unique again at the cutover, while keys stand there twice', async () => {
    await orders().createIndex({ mail: 1 }, { unique: true });
    await orders().insertOne({ _id: 1, mail: SECRET });
    const capturing = migration.start('capture');
    await migration.reached('caught-up', capturing);
    const sides = [capturing, migration.start('load')];
    await awaitUntil('it is there', () => there().collection('orders').countDocuments());
    await there()
      .collection('orders')
      .insertOne({ _id: 2 as never, mail: SECRET });
    const refused = await migration.run('cutover');
    expectStopped(refused, 'CUTOVER_NOT_READY', 3, namespace(), 'mail_1', 'more than one document');
    await there()
      .collection('orders')
      .deleteOne({ _id: 2 as never });
    const done = await migration.run('cutover');
    expect(done.exitCode, ending(done)).toBe(0);
    for (const side of sides) side.kill('SIGTERM');
    for (const side of sides) expectDiscreet(await side.ended);
    expect(await migration.differences()).toEqual([]);
  });
});
