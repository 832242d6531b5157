/**
 * Every kind of collMod, from the source through the bucket onto the target, as it is after the
 * cutover.
 */
import { type Document, Double } from 'mongodb-4-0';
import { expect, it } from 'vitest';
import { Migration } from '../e2e/migration.ts';
import { type TestClient, testClient } from '../support/raw.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';

interface Kind {
  /** Options of `create`. */
  readonly create?: Document;
  /**
   * What the index `i` has beside its name, and its key where that is not `a`; no such index
   * without it.
   */
  readonly index?: Document;
  /** Made before capture begins, after the index. */
  readonly before?: Document;
  readonly collMod: Document | readonly Document[];
}

const TTL = { expireAfterSeconds: 3600 };
const RULE = { a: { $not: { $lt: 0 } } };
const CLUSTERED = { clusteredIndex: { key: { _id: 1 }, unique: true } };
const VIEW = { viewOn: 'base', pipeline: [{ $match: { a: 1 } }] };
const index = (change: Document): Document => ({ index: { name: 'i', ...change } });

/** On every server. */
const OLD: Readonly<Record<string, Kind>> = {
  'expiry changed': { index: TTL, collMod: index({ expireAfterSeconds: 7200 }) },
  'expiry changed, by key': {
    index: TTL,
    collMod: { index: { keyPattern: { a: 1 }, expireAfterSeconds: 7200 } },
  },
  'expiry changed, by key in another type': {
    index: { key: { a: new Double(1) }, ...TTL },
    collMod: { index: { keyPattern: { a: 1 }, expireAfterSeconds: 7200 } },
  },
  'validator added': { collMod: { validator: RULE } },
  'validator changed': { create: { validator: RULE }, collMod: { validator: { b: { $exists: false } } } },
  'validator taken away': { create: { validator: RULE }, collMod: { validator: {} } },
  'level changed': { create: { validator: RULE }, collMod: { validationLevel: 'moderate' } },
  'level off': { create: { validator: RULE }, collMod: { validationLevel: 'off' } },
  'action changed': { create: { validator: RULE }, collMod: { validationAction: 'warn' } },
  'level and action without a validator': { collMod: { validationLevel: 'off', validationAction: 'warn' } },
  'level without a validator, then one': {
    collMod: [{ validationLevel: 'moderate' }, { validator: RULE }],
  },
  'validator taken away, level stays': {
    create: { validator: RULE, validationLevel: 'off' },
    collMod: { validator: {} },
  },
  'level made without a validator': {
    create: { validationLevel: 'moderate', validationAction: 'warn' },
    collMod: { validationLevel: 'off' },
  },
  'view on another': { create: VIEW, collMod: { viewOn: 'other', pipeline: VIEW.pipeline } },
  'view by another pipeline': { create: VIEW, collMod: { viewOn: 'base', pipeline: [{ $limit: 1 }] } },
};

const FROM_6_0: Readonly<Record<string, Kind>> = {
  'expiry added': { index: {}, collMod: index(TTL) },
  'expiry added, by key': { index: {}, collMod: { index: { keyPattern: { a: 1 }, ...TTL } } },
  'expiry added, then changed': {
    index: {},
    collMod: [index(TTL), index({ expireAfterSeconds: 60_000 })],
  },
  'expiry added to a unique index': { index: { unique: true }, collMod: index(TTL) },
  'expiry added and hidden': { index: {}, collMod: index({ ...TTL, hidden: true }) },
  hidden: { index: {}, collMod: index({ hidden: true }) },
  shown: { index: { hidden: true }, collMod: index({ hidden: false }) },
  'on the way to unique': { index: {}, collMod: index({ prepareUnique: true }) },
  'no more on the way to unique': {
    index: {},
    before: index({ prepareUnique: true }),
    collMod: index({ prepareUnique: false }),
  },
  unique: { index: {}, before: index({ prepareUnique: true }), collMod: index({ unique: true }) },
  'unique in both steps': {
    index: {},
    collMod: [index({ prepareUnique: true }), index({ unique: true })],
  },
  'no more unique': { index: { unique: true }, collMod: index({ forceNonUnique: true }) },
  'images on': { collMod: { changeStreamPreAndPostImages: { enabled: true } } },
  'images off': {
    create: { changeStreamPreAndPostImages: { enabled: true } },
    collMod: { changeStreamPreAndPostImages: { enabled: false } },
  },
  'capped size': { create: { capped: true, size: 8192 }, collMod: { cappedSize: 16384 } },
  'capped max': { create: { capped: true, size: 8192, max: 9 }, collMod: { cappedMax: 99 } },
  'capped without max': { create: { capped: true, size: 8192, max: 9 }, collMod: { cappedMax: 0 } },
  'clustered expiry added': { create: CLUSTERED, collMod: TTL },
  'clustered expiry changed': { create: { ...CLUSTERED, ...TTL }, collMod: { expireAfterSeconds: 7200 } },
  'clustered expiry off': { create: { ...CLUSTERED, ...TTL }, collMod: { expireAfterSeconds: 'off' } },
  nothing: { collMod: {} },
};

const DOCUMENT = { _id: 1 as never, a: 1 };

async function make(source: TestClient, database: string, name: string, kind: Kind): Promise<void> {
  await source.command(database, { create: name, ...kind.create });
  if (kind.index) {
    const indexes = [{ key: { a: 1 }, name: 'i', ...kind.index }];
    await source.command(database, { createIndexes: name, indexes });
  }
  if (!kind.create?.viewOn)
    await source.client
      .db(database)
      .collection(name)
      .insertOne({ ...DOCUMENT });
  if (kind.before) await source.command(database, { collMod: name, ...kind.before });
}

/** What a collection is, in the words of either server. */
async function described(client: TestClient, database: string): Promise<ReadonlyMap<string, Document>> {
  const found = new Map<string, Document>();
  for (const { name, ...info } of await client.client.db(database).listCollections().toArray()) {
    if (name.startsWith('system.')) continue;
    const options = (info as Document).options as Document;
    const hasRule = Object.keys(options.validator ?? {}).length > 0;
    const { validator, validationLevel = 'strict', validationAction = 'error', ...others } = options;
    const rules = { ...(hasRule && { validator }), validationLevel, validationAction };
    const indexes = info.type === 'view' ? [] : await client.client.db(database).collection(name).indexes();
    const lines = indexes.map(({ v: _v, ns: _ns, background: _background, ...index }) => index);
    found.set(name, { ...others, ...rules, indexes: lines });
  }
  return found;
}

for (const [server, kinds] of [
  ['oldest', OLD],
  ['current', { ...OLD, ...FROM_6_0 }],
] as const) {
  await describeWithServer(
    `collMod of the ${server} server`,
    (servers) => {
      it('arrives, whatever it changes', async () => {
        const database = uniqueName('coll_mod');
        await using source = await testClient(servers.source.uri);
        await using target = await testClient(servers.target.uri);
        for (const name of ['base', 'other']) await make(source, database, name, { collMod: {} });
        for (const [name, kind] of Object.entries(kinds)) await make(source, database, name, kind);
        await using migration = await Migration.create({ servers, databases: [database] });
        await migration.startSides();
        for (const [name, { collMod }] of Object.entries(kinds)) {
          for (const change of [collMod].flat()) await source.command(database, { collMod: name, ...change });
        }
        const done = await migration.run('cutover');
        expect(done.exitCode, done.stdout + done.stderr).toBe(0);
        expect(await described(target, database)).toEqual(await described(source, database));
      });
    },
    { source: server },
  );
}
