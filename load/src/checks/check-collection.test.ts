import { expect, it } from 'vitest';
import { FIRESTORE } from '../target/profiles/firestore.ts';
import { MONGODB } from '../target/profiles/mongodb.ts';
import { assertCollectionNames } from './check-collection.ts';

const pair = (source: string) => ({ namespace: source, source });
const refused = ['__x__', '____', 'a$b', 'system.x', 'a.system.b', 'ä'.repeat(751)];
const taken = ['__x', '___', 'systems.x', 'asystem', 'ä'.repeat(750)];

it.each(refused)('Firestore has no collection %s', (name) => {
  expect(() => assertCollectionNames(FIRESTORE, [pair('shop.orders'), pair(`shop.${name}`)])).toThrow(
    expect.objectContaining({ code: 'TARGET_UNSUPPORTED', context: { namespace: `shop.${name}` } }),
  );
  expect(() => assertCollectionNames(MONGODB, [pair(`shop.${name}`)])).not.toThrow();
});

it('Firestore has all others', () => {
  expect(() =>
    assertCollectionNames(
      FIRESTORE,
      taken.map((name) => pair(`shop.${name}`)),
    ),
  ).not.toThrow();
});
