import { clusterTime } from '@waybill/shared/base/position';
import { describe, expect, it } from 'vitest';
import { MissingImages } from './missing-images.ts';

const at = (increment: number): bigint => clusterTime(50, increment);

describe('MissingImages', () => {
  it('is content once a delete explains the document', () => {
    const missing = new MissingImages(10);
    missing.add('a', 'shop.orders', at(5));
    missing.explainDocument('a');
    expect(missing.overdue(at(9))).toBeNull();
  });

  it('waits until the stream has passed the lookup, then complains', () => {
    const missing = new MissingImages(10);
    missing.add('a', 'shop.orders', at(5));
    expect(missing.overdue(at(5))).toBeNull();
    expect(missing.overdue(at(6))).toEqual({ namespace: 'shop.orders', since: '50:5' });
  });

  it('takes the end of a collection or of its database as explanation', () => {
    const missing = new MissingImages(10);
    missing.add('a', 'shop.orders', at(1));
    missing.add('b', 'shop.orders.archive', at(1));
    missing.add('c', 'crm.orders', at(1));
    missing.explainNamespace('shop.orders');
    expect(missing.size).toBe(2);
    missing.explainNamespace('shop');
    expect(missing.overdue(at(2))).toMatchObject({ namespace: 'crm.orders' });
  });

  it('forgets the oldest past its limit, and counts it', () => {
    const missing = new MissingImages(2);
    for (const [index, identity] of ['a', 'b', 'c'].entries()) missing.add(identity, 'x.y', at(index));
    expect(missing.size).toBe(2);
    expect(missing.unchecked).toBe(1);
    expect(missing.overdue(at(9))).toEqual({ namespace: 'x.y', since: '50:1' });
  });
});
