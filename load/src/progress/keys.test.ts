import { expect, it } from 'vitest';
import { collectionId, restoredId, restoredPrefix } from './keys.ts';

it('holds names as they are, and long ones by what they come to', () => {
  expect(collectionId('main', 'shop.orders')).toBe('main/collection/shop.orders');
  expect(restoredId('main', 'shop.orders', 'n_1')).toBe('main/restored/shop.orders/n_1');
  const long = 'ü'.repeat(2000);
  const id = restoredId('main', 'shop.orders', long);
  expect(id.startsWith(restoredPrefix('main'))).toBe(true);
  expect(Buffer.byteLength(id)).toBeLessThan(200);
  expect(id).not.toBe(restoredId('main', 'shop.orders', `${long}x`));
});
