import { fromObject, type Plain } from '@waybill/shared/bson/build';
import { expect, it } from 'vitest';
import { AZURE_DOCUMENTDB } from '../target/profiles/azure-documentdb.ts';
import { FIRESTORE } from '../target/profiles/firestore.ts';
import { MONGODB } from '../target/profiles/mongodb.ts';
import { translateIndex } from './index-spec.ts';
import { isCollatedThere, refusedByKind } from './refused-by-kind.ts';

const index = (name: string, key: Plain, more: { readonly [name: string]: Plain } = {}) =>
  translateIndex(fromObject({ v: 2, key, name, ...more }), { collated: false });

it('names what a kind of target never has, and why', () => {
  const wanted = [
    index('plain', { a: 1 }, { unique: true, sparse: true }),
    index('hashed', { a: 'hashed' }),
    index('everything', { '$**': 1 }),
    index('partial', { a: 1 }, { partialFilterExpression: { a: 1 } }),
    index('expiring', { at: 1 }, { expireAfterSeconds: 5 }),
  ];
  expect([...refusedByKind(MONGODB, wanted, 1)]).toEqual([]);
  const refused = refusedByKind(FIRESTORE, wanted, 1);
  expect([...refused.keys()]).toEqual(['hashed', 'everything', 'partial']);
  expect(refused.get('hashed')).toBe('Firestore with MongoDB compatibility has no such indexes: hashed');
});

it('counts the indexes of a collection', () => {
  const limited = { ...AZURE_DOCUMENTDB, indexes: { ...AZURE_DOCUMENTDB.indexes, perCollection: 3 } };
  const wanted = ['a', 'b', 'c'].map((name) => index(name, { [name]: 1 }));
  expect([...refusedByKind(limited, wanted, 1).keys()]).toEqual(['c']);
  expect([...refusedByKind(limited, wanted, 3).keys()]).toEqual(['a', 'b', 'c']);
});

it('gives no collation to a target that has none', () => {
  const collated = { options: fromObject({ collation: { locale: 'en' } }) };
  expect(isCollatedThere(collated, MONGODB)).toBe(true);
  expect(isCollatedThere(collated, FIRESTORE)).toBe(false);
});
