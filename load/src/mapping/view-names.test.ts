import { calculateObjectSize, deserialize, serialize } from 'bson';
import { describe, expect, it } from 'vitest';
import { NameMapping, SAME_NAMES } from './name-mapping.ts';
import { definitionOnTarget } from './view-names.ts';

const one = NameMapping.of(['shop.*=main.shop_{coll}', 'crm.*=main.crm_{coll}', 'news.*=old.*']);
const bytes = (value: object): Buffer => Buffer.from(serialize(value));
const mapped = (options: object, source = 'shop.view', mapping = one) => {
  const { options: named, impossible } = definitionOnTarget(bytes(options), source, mapping);
  return { ...deserialize(named), impossible };
};
const stages = (...pipeline: object[]): unknown =>
  (mapped({ viewOn: 'orders', pipeline }) as unknown as { readonly pipeline: unknown }).pipeline;

describe('the names in a view', () => {
  it('are the target names of the collections of its database', () => {
    const pipeline = [{ $match: { from: 'orders', $expr: { $eq: ['$coll', 'orders'] } } }];
    expect(mapped({ viewOn: 'orders', pipeline, collation: { locale: 'de' } })).toEqual({
      viewOn: 'shop_orders',
      pipeline,
      collation: { locale: 'de' },
      impossible: null,
    });
  });

  it.each<readonly [object, object]>([
    [
      { $lookup: { from: 'users', localField: 'from', foreignField: '_id', as: 'users' } },
      { $lookup: { from: 'shop_users', localField: 'from', foreignField: '_id', as: 'users' } },
    ],
    [
      { $lookup: { from: { db: 'crm', coll: 'leads' }, as: 'a' } },
      { $lookup: { from: { db: 'main', coll: 'crm_leads' }, as: 'a' } },
    ],
    [
      { $lookup: { from: 'a', pipeline: [{ $lookup: { from: 'b', as: 'b' } }], as: 'a' } },
      { $lookup: { from: 'shop_a', pipeline: [{ $lookup: { from: 'shop_b', as: 'b' } }], as: 'a' } },
    ],
    [
      { $lookup: { pipeline: [{ $documents: [{ from: 'a' }] }], as: 'a' } },
      { $lookup: { pipeline: [{ $documents: [{ from: 'a' }] }], as: 'a' } },
    ],
    [
      { $graphLookup: { from: 'users', startWith: '$from', as: 'x' } },
      { $graphLookup: { from: 'shop_users', startWith: '$from', as: 'x' } },
    ],
    [{ $unionWith: 'old' }, { $unionWith: 'shop_old' }],
    [
      { $unionWith: { coll: 'old', pipeline: [{ $unionWith: 'older' }] } },
      { $unionWith: { coll: 'shop_old', pipeline: [{ $unionWith: 'shop_older' }] } },
    ],
    [
      { $unionWith: { db: 'crm', coll: 'old', pipeline: [] } },
      { $unionWith: { db: 'main', coll: 'crm_old', pipeline: [] } },
    ],
    [
      { $facet: { from: [{ $lookup: { from: 'a', as: 'a' } }], b: [{ $count: 'n' }] } },
      { $facet: { from: [{ $lookup: { from: 'shop_a', as: 'a' } }], b: [{ $count: 'n' }] } },
    ],
    [
      { $rankFusion: { input: { pipelines: { a: [{ $unionWith: 'b' }] } } } },
      { $rankFusion: { input: { pipelines: { a: [{ $unionWith: 'shop_b' }] } } } },
    ],
    [{ $out: 'result' }, { $out: 'shop_result' }],
    [{ $out: { db: 'crm', coll: 'result' } }, { $out: { db: 'main', coll: 'crm_result' } }],
    [{ $merge: 'result' }, { $merge: 'shop_result' }],
    [
      { $merge: { into: { db: 'news', coll: 'x' }, on: '_id' } },
      { $merge: { into: { db: 'old', coll: 'x' }, on: '_id' } },
    ],
    [{ $merge: { into: 'x' } }, { $merge: { into: 'shop_x' } }],
    [{ $project: { from: 'users', $lookup: 1 } }, { $project: { from: 'users', $lookup: 1 } }],
  ])('are found in %j', (stage, expected) => {
    expect(stages({ $match: {} }, stage)).toEqual([{ $match: {} }, expected]);
  });

  it('leave the bytes alone where they stay', () => {
    const pipeline = [{ $lookup: { from: 'b', as: 'b' } }, { $facet: { a: [{ $unionWith: 'c' }] } }];
    const options = bytes({ viewOn: 'a', pipeline });
    expect(definitionOnTarget(options, 'other.view', one).options).toBe(options);
    expect(definitionOnTarget(options, 'shop.view', SAME_NAMES).options).toBe(options);
    // Another database, with the same collections.
    expect(definitionOnTarget(options, 'news.view', one).options).toBe(options);
    expect(options.length).toBe(calculateObjectSize({ viewOn: 'a', pipeline }));
  });

  it.each([
    ['viewOn', { viewOn: 'orders', pipeline: [] }],
    ['$lookup', { viewOn: 'a', pipeline: [{ $lookup: { from: 'orders', as: 'x' } }] }],
    ['$facet', { viewOn: 'a', pipeline: [{ $facet: { a: [{ $unionWith: 'orders' }] } }] }],
  ])('cannot be in another database: by %s', (_, options) => {
    const apart = NameMapping.of(['shop.*=store.*', 'shop.orders=sales.orders']);
    const { impossible, ...rest } = mapped(options, 'shop.view', apart);
    expect(impossible).toContain('shop.orders');
    expect(impossible).toContain('(sales) than the view (store)');
    expect(rest).toEqual(options);
  });
});
