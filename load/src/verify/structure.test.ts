import { double, fromObject, int32, string } from '@waybill/shared/bson/build';
import type { CatalogEntry } from '@waybill/shared/mongo/facts/catalog';
import { withFields } from '@waybill/shared/mongo/facts/coll-mod';
import { describe, expect, test } from 'vitest';
import { indexKey, optionKey } from './load-watch.ts';
import { isDifference } from './report.ts';
import { compareStructure, type HeldBackField } from './structure.ts';

type Plain = Parameters<typeof fromObject>[0];

function entry(namespace: string, options: Plain, indexes: readonly Plain[]): CatalogEntry {
  const [database, name] = namespace.split('.') as [string, string];
  return {
    namespace,
    database,
    name,
    type: 'collection',
    uuid: null,
    options: fromObject(options),
    indexes: indexes.map(fromObject),
    capped: false,
    clustered: false,
    expires: true,
    collated: false,
    encrypted: false,
    documents: 0,
    bytes: 0,
  };
}

const email = { v: 2, key: { email: 1 }, name: 'email_1' };
const brief = (source: CatalogEntry[], target: CatalogEntry[]): string[] =>
  compareStructure(source, target).map(
    ({ namespace, what, detail, heldBack }) =>
      `${namespace} ${what} ${detail}${heldBack ? ' (held back)' : ''}`,
  );

describe('structure', () => {
  test('indexes that the load was told to leave out are told, and no difference; others are', () => {
    const other = { ...email, key: { other: 1 }, name: 'other' };
    const [source, target] = [entry('shop.users', {}, [email, other]), entry('shop.users', {}, [])];
    const found = compareStructure([source], [target], {
      states: new Map([[indexKey('shop.users', 'email_1'), 'left-out']]),
    });
    expect(found.map(({ what, detail }) => `${what} ${detail}`)).toEqual([
      'index-left-out email_1',
      'index-missing other',
    ]);
    expect(found.map(isDifference)).toEqual([false, true]);
  });

  test('an index of the shard key of the target is told, and no difference; one that does more is', () => {
    const own = (fields: object) => ({ v: 2, key: { k: 'hashed' }, name: 'k_hashed', ...fields });
    const compare = (fields: object, key = { k: 'hashed' }) =>
      compareStructure([entry('shop.users', {}, [])], [entry('shop.users', {}, [own(fields)])], {
        shardKeys: new Map([['shop.users', { pattern: fromObject(key) }]]),
      }).map(({ what }) => what);
    expect(compare({})).toEqual(['index-shard-key']);
    expect(compare({ sparse: true })).toEqual(['index-extra']);
    expect(compare({}, { k: 'other' })).toEqual(['index-extra']);
  });

  test('equal is equal, whatever number type and index version a server uses', () => {
    const source = entry('shop.users', { capped: true, size: 4096 }, [{ ...email, v: 1, sparse: false }]);
    const target = entry('shop.users', { capped: true, size: 4096n }, [email]);
    expect(brief([source], [target])).toEqual([]);
  });

  test('what is missing, extra or other is named', () => {
    const source = [entry('shop.users', { validator: { a: 1 } }, [email]), entry('shop.gone', {}, [])];
    const target = [
      entry('shop.users', { validator: { a: 2 } }, [{ ...email, key: { mail: 1 }, name: 'other' }]),
      entry('shop.new', {}, []),
      entry('elsewhere.new', {}, []),
    ];
    expect(brief(source, target)).toEqual([
      'shop.users options validator',
      'shop.users index-missing email_1',
      'shop.users index-extra other',
      'shop.gone collection-missing collection',
      'shop.new collection-extra collection',
    ]);
  });

  test('an index under another name is told as that, if it is the same in all else', () => {
    const unique = { ...email, unique: true };
    const source = entry('shop.users', {}, [unique, { ...email, key: { mail: 1 }, name: 'mail_1' }]);
    const target = entry('shop.users', {}, [
      { ...unique, name: 'theirs' },
      { ...unique, key: { mail: 1 }, name: 'another' },
    ]);
    expect(brief([source], [target])).toEqual([
      'shop.users index-renamed email_1: stands there as theirs',
      'shop.users index-missing mail_1',
      'shop.users index-extra another',
    ]);
  });

  test('what the target refuses is told apart from what differs otherwise, with the reason', () => {
    const blocked = new Map([
      [optionKey('shop.users', 'validator'), 'no such operator'],
      [optionKey('shop.users', 'clusteredIndex'), 'no such option'],
      [optionKey('shop.view', ''), 'no such stage'],
      [indexKey('shop.users', 'email_1'), 'no such kind'],
    ]);
    const clusteredIndex = { v: 2, key: { _id: 1 }, unique: true };
    const clustered = { v: 2, key: { _id: 1 }, name: 'key', clustered: true, unique: true };
    const options = { clusteredIndex, validator: { a: 1 }, storageEngine: { x: 1 } };
    const source = [
      { ...entry('shop.users', options, [clustered, email]), clustered: true },
      { ...entry('shop.view', { viewOn: 'users', pipeline: [] }, []), type: 'view' as const },
    ];
    const target = entry('shop.users', {}, [{ v: 2, key: { _id: 1 }, name: '_id_' }]);
    const found = compareStructure(source, [target], { blocked });
    expect(found.map((each) => [each.what, each.detail, each.blocked])).toEqual([
      ['options', 'storageEngine', undefined],
      ['options', 'clusteredIndex', 'no such option'],
      ['options', 'validator', 'no such operator'],
      ['index-missing', 'email_1', 'no such kind'],
      ['collection-missing', 'view', 'no such stage'],
    ]);
  });

  test('unique, TTL and hidden as a load leaves them are held back; any other value is a difference', () => {
    const source = entry('shop.users', {}, [
      { ...email, unique: true },
      { key: { at: 1 }, name: 'at_1', expireAfterSeconds: 60, hidden: true },
      { key: { to: 1 }, name: 'to_1', expireAfterSeconds: 60 },
      { key: { on: 1 }, name: 'on_1', expireAfterSeconds: 60 },
    ]);
    const target = entry('shop.users', {}, [
      email,
      { key: { at: 1 }, name: 'at_1' },
      { key: { to: 1 }, name: 'to_1', expireAfterSeconds: 61 },
      // As loads of before left it.
      { key: { on: 1 }, name: 'on_1', expireAfterSeconds: 2_147_483_647 },
    ]);
    expect(brief([source], [target])).toEqual([
      'shop.users index-different email_1: unique (held back)',
      'shop.users index-different at_1: expireAfterSeconds, hidden (held back)',
      'shop.users index-different to_1: expireAfterSeconds',
      'shop.users index-different on_1: expireAfterSeconds (held back)',
    ]);
    const heldIn = (held: readonly HeldBackField[]): boolean[] =>
      compareStructure([source], [target], { held: new Set(held) }).map(({ heldBack }) => heldBack);
    expect(heldIn(['expireAfterSeconds'])).toEqual([false, false, false, true]);
    expect(heldIn([])).toEqual([false, false, false, false]);
  });

  test('an expiry is what it does on its server: none that never comes, none in a capped collection of old servers', () => {
    const source = {
      ...entry('shop.users', {}, [
        { key: { a: 1 }, name: 'nan', expireAfterSeconds: double(Number.NaN) },
        { key: { b: 1 }, name: 'yes', expireAfterSeconds: true },
        { key: { c: 1, d: 1 }, name: 'two', expireAfterSeconds: 5 },
        { key: { e: 'hashed' }, name: 'hashed', expireAfterSeconds: 5 },
        { key: { f: 1 }, name: 'before', expireAfterSeconds: -5 },
        { key: { g: 1 }, name: 'long', expireAfterSeconds: 4_000_000_000n },
        { key: { h: 1 }, name: 'half', expireAfterSeconds: double(59.5) },
      ]),
    };
    const bare = source.indexes.map((index) => withFields(index, new Map([['expireAfterSeconds', null]])));
    const target = { ...source, indexes: bare };
    const found = compareStructure([source], [target], { held: new Set() });
    expect(found.map(({ what, detail }) => `${what} ${detail}`)).toEqual([
      'index-different before: expireAfterSeconds',
      'index-unsupported long: expireAfterSeconds',
      'index-different half: expireAfterSeconds',
    ]);
    const live = bare.map((index) => withFields(index, new Map([['expireAfterSeconds', int32(0)]])));
    expect(compareStructure([source], [{ ...source, indexes: live }]).filter(isDifference)).toHaveLength(5);
    expect(compareStructure([{ ...source, expires: false }], [target])).toEqual([]);
  });

  test('defaults, roundings and facts of a server version are no difference', () => {
    const validator = { a: { $gt: 1 } };
    const collation = { locale: 'de', strength: 1, version: '57.1' };
    const text = { key: { _fts: 'text', _ftsx: 1 }, name: 'text', textIndexVersion: 2 };
    const source = entry('shop.users', { autoIndexId: true, validator, collation, size: 5000, max: 0 }, [
      { ...text, weights: { a: 1, b: 2.0 }, dropDups: true, ns: 'shop.users', unique: false },
      { ...email, unique: 1, expireAfterSeconds: 3600.7 },
    ]);
    const target = entry(
      'shop.users',
      {
        validator,
        validationLevel: 'strict',
        validationAction: 'error',
        collation: { strength: 1, version: '58.2', locale: 'de' },
        size: 5120,
      },
      [
        { ...text, textIndexVersion: 3, weights: { b: 2, a: 1n } },
        { ...email, unique: true, expireAfterSeconds: 3600 },
      ],
    );
    expect(brief([source], [target])).toEqual([]);
  });

  test('types and exact values in what servers evaluate on documents are told apart', () => {
    const pairs: readonly (readonly [Plain, Plain])[] = [
      [{ a: true }, { a: 1 }],
      [{ a: 9007199254740993n }, { a: 9007199254740992n }],
      [{ a: -0 }, { a: double(0) }],
      [{ a: double(1) }, { a: 1 }],
      [{ a: string(Buffer.of(0xff)) }, { a: string(Buffer.of(0xfe)) }],
      [{ weights: { a: 1, b: 2 } }, { weights: { b: 2, a: 1 } }],
      [{ collation: { version: 1 } }, { collation: { version: 2 } }],
    ];
    for (const [one, other] of pairs) {
      const of = (rule: Plain) => [
        entry('shop.ruled', { validator: rule }, [{ ...email, partialFilterExpression: rule }]),
        {
          ...entry('shop.view', { viewOn: 'ruled', pipeline: [{ $match: rule }] }, []),
          type: 'view' as const,
        },
      ];
      expect(brief(of(one), of(one))).toEqual([]);
      expect(brief(of(one), of(other))).toEqual([
        'shop.ruled options validator',
        'shop.ruled index-different email_1: partialFilterExpression',
        'shop.view options pipeline',
      ]);
    }
  });

  test('how a validator that comes later will be used is told apart too', () => {
    const source = entry('shop.users', { validationLevel: 'off', validationAction: 'error' }, []);
    const target = entry('shop.users', { validationAction: 'warn' }, []);
    expect(brief([source], [target])).toEqual(['shop.users options validationLevel, validationAction']);
  });

  test('an expiry of 0, an empty validator and a key in other order are told from their likes', () => {
    const source = entry('shop.users', { validator: {}, validationLevel: 'strict' }, [
      { key: { a: 1, b: 1 }, name: 'ab' },
      { key: { c: 1 }, name: 'c', expireAfterSeconds: 0 },
      { key: { d: '2d' }, name: 'd', min: -1, max: 0 },
    ]);
    const target = entry('shop.users', {}, [
      { key: { b: 1, a: 1 }, name: 'ab' },
      { key: { c: 1 }, name: 'c' },
      { key: { d: '2d' }, name: 'd', min: -1 },
    ]);
    expect(brief([source], [target])).toEqual([
      'shop.users index-different ab: key',
      'shop.users index-different c: expireAfterSeconds (held back)',
      'shop.users index-different d: max',
    ]);
  });

  test('what no server can have, and what waits for the cutover, is told and is no difference', () => {
    const source = entry(
      'shop.users',
      { clusteredIndex: { v: 2, key: { _id: 1 }, unique: true }, expireAfterSeconds: 60n },
      [
        { key: { at: 'geoHaystack', b: 1 }, name: 'haystack', bucketSize: 5 },
        email,
        { ...email, name: 'unique', unique: true },
      ],
    );
    const target = entry('shop.users', { clusteredIndex: { v: 3, unique: true, key: { _id: 1 } } }, [email]);
    const found = compareStructure([source], [target]);
    expect(brief([source], [target])).toEqual([
      'shop.users options expireAfterSeconds (held back)',
      'shop.users index-unsupported haystack',
      'shop.users index-missing unique (held back)',
    ]);
    expect(found.some(isDifference)).toBe(false);
  });

  test('collections in databases that are asked for by name are ours, even where the source has none left', () => {
    const target = [entry('shop.left', {}, []), entry('other.left', {}, [])];
    expect(compareStructure([], target, { databases: ['shop'] }).map(({ namespace }) => namespace)).toEqual([
      'shop.left',
    ]);
  });
});
