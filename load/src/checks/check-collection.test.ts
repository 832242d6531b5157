import { expect, it } from 'vitest';
import { FIRESTORE } from '../target/profiles/firestore.ts';
import { MONGODB } from '../target/profiles/mongodb.ts';
import { assertCollectionNames } from './check-collection.ts';

const refused = ['__x__', '____', 'a$b', 'system.x', 'a.system.b', 'ä'.repeat(751)];
const taken = ['__x', '___', 'systems.x', 'asystem', 'ä'.repeat(750)];

it.each(refused)('Firestore has no collection %s', (name) => {
  expect(() => assertCollectionNames(FIRESTORE, ['shop.orders', `shop.${name}`])).toThrow(
    expect.objectContaining({ code: 'TARGET_UNSUPPORTED', context: { namespace: `shop.${name}` } }),
  );
  expect(() => assertCollectionNames(MONGODB, [`shop.${name}`])).not.toThrow();
});

it('Firestore has all others', () => {
  expect(() =>
    assertCollectionNames(
      FIRESTORE,
      taken.map((name) => `shop.${name}`),
    ),
  ).not.toThrow();
});
