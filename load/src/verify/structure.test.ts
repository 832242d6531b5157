import { fromObject } from '@waybill/shared/bson/build';
import type { CatalogEntry } from '@waybill/shared/mongo/catalog';
import { describe, expect, test } from 'vitest';
import { NEVER_EXPIRES_SECONDS } from '../structure/index-spec.ts';
import { compareStructure } from './structure.ts';

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
  test('equal is equal, whatever number type and index version a server uses', () => {
    const source = entry('shop.users', { capped: true, size: 4096 }, [{ ...email, v: 1, sparse: false }]);
    const target = entry('shop.users', { capped: true, size: 4096n }, [email]);
    expect(brief([source], [target])).toEqual([]);
  });

  test('what is missing, extra or other is named', () => {
    const source = [entry('shop.users', { validator: { a: 1 } }, [email]), entry('shop.gone', {}, [])];
    const target = [
      entry('shop.users', { validator: { a: 2 } }, [{ ...email, name: 'other' }]),
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

  test('unique, TTL and hidden as a load leaves them are held back; any other value is a difference', () => {
    const source = entry('shop.users', {}, [
      { ...email, unique: true },
      { key: { at: 1 }, name: 'at_1', expireAfterSeconds: 60, hidden: true },
      { key: { to: 1 }, name: 'to_1', expireAfterSeconds: 60 },
    ]);
    const target = entry('shop.users', {}, [
      email,
      { key: { at: 1 }, name: 'at_1', expireAfterSeconds: NEVER_EXPIRES_SECONDS },
      { key: { to: 1 }, name: 'to_1', expireAfterSeconds: 61 },
    ]);
    expect(brief([source], [target])).toEqual([
      'shop.users index-different email_1: unique (held back)',
      'shop.users index-different at_1: expireAfterSeconds, hidden (held back)',
      'shop.users index-different to_1: expireAfterSeconds',
    ]);
  });
});
