import { describe, expect, it } from 'vitest';
import { assertApartOnTarget } from './collisions.ts';
import { bothNames, NameMapping, SAME_NAMES } from './name-mapping.ts';
import { unmatchedRules } from './unmatched-rules.ts';

describe('a mapping of names', () => {
  it.each([
    [['shop.orders=store.sales'], { 'shop.orders': 'store.sales', 'shop.users': 'shop.users' }],
    [['shop.orders=store'], { 'shop.orders': 'store.orders' }],
    [['shop.*=store.*'], { 'shop.orders': 'store.orders', 'crm.leads': 'crm.leads' }],
    [['shop=store'], { 'shop.a.b': 'store.a.b', 'shopping.a': 'shopping.a' }],
    [['*.*=one.*'], { 'shop.orders': 'one.orders', 'crm.leads': 'one.leads' }],
    [['*=one'], { 'shop.orders': 'one.orders' }],
    [['*.*=main.{db}_{coll}'], { 'shop.orders': 'main.shop_orders', 'crm.a.b': 'main.crm_a.b' }],
    [['*.*={db}_old.*'], { 'shop.orders': 'shop_old.orders' }],
    [['*.orders=sales.{db}'], { 'shop.orders': 'sales.shop', 'shop.users': 'shop.users' }],
    [['shop.*=store.{coll}_{db}'], { 'shop.{db}': 'store.{db}_shop', 'shop.$&': 'store.$&_shop' }],
  ])('by %j', (rules, names) => {
    const mapping = NameMapping.of(rules);
    for (const [source, target] of Object.entries(names)) expect(mapping.named(source)).toBe(target);
  });

  it('goes by the most specific rule, whatever the order: a database before a collection', () => {
    const rules = ['*.*=all.*', 'shop.*=store.*', '*.orders=sales.{db}_orders', 'shop.orders=store.sold'];
    for (const order of [rules, rules.toReversed()]) {
      const mapping = NameMapping.of(order);
      expect(
        ['shop.orders', 'shop.users', 'crm.orders', 'crm.leads'].map((name) => mapping.target(name)),
      ).toEqual(['store.sold', 'store.users', 'sales.crm_orders', 'all.leads']);
    }
  });

  it('without rules is none', () => {
    expect(SAME_NAMES.isIdentity).toBe(true);
    expect(SAME_NAMES.target('system.odd$')).toBe('system.odd$');
  });

  it('has one text for rules that are the same', () => {
    const texts = ['shop=store', '*.*={db}x.{coll}', 'shop.*=store.*'];
    expect(NameMapping.of(texts).texts).toEqual(['*.*={db}x.*', 'shop.*=store.*']);
  });

  it.each([
    ['shop.orders', 'one ='],
    ['a.b=c.d=e.f', 'one ='],
    ['=a.b', 'before the = is empty'],
    ['shop.=a.b', 'before the = is empty'],
    ['shop.o*=a.*', 'a whole database or a whole collection'],
    ['shop.*=a.b*', '* stands alone'],
    ['shop.*=a.b', 'every collection under one name'],
    ['shop.*={coll}.x{coll}', 'braces'],
    ['shop.*=a.{coll}{coll}', 'braces'],
    ['shop.*=a.{name}', 'braces'],
    ['shop.*=.x{coll}', 'empty'],
    ['shop.a=b.', 'empty'],
    ['shop.a=admin.b', "the server's own"],
    ['shop.a=config.b', "the server's own"],
    ['shop.a=b.system.users', "the server's own"],
    ['shop.a=b.c$d', 'cannot be called'],
    ['shop.a=b$.c', 'cannot be called'],
    ['shop.a=b.c\0', 'cannot be called'],
    [`shop.a=${'d'.repeat(64)}.c`, '63 bytes'],
    [`shop.a=d.${'c'.repeat(254)}`, '255 bytes'],
  ])('refuses the rule %j', (rule, why) => {
    expect(() => NameMapping.of([rule])).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(why) }),
    );
  });

  it('refuses two rules for the same names', () => {
    expect(() => NameMapping.of(['shop=a', 'shop.*=b.*'])).toThrow(/two rules for the same names/);
  });

  it('refuses a name that a rule makes impossible, when it comes', () => {
    const mapping = NameMapping.of(['*.*=main.{db}_{coll}', '*.x={db}_of_long_ago.x']);
    for (const name of [`shop.${'x'.repeat(250)}`, `${'d'.repeat(60)}.x`]) {
      expect(() => mapping.target(name)).toThrow(
        expect.objectContaining({ code: 'LOAD_NAME_INVALID', hint: expect.stringContaining(name) }),
      );
    }
  });

  it('knows which names of the source have a name of the target', () => {
    const databases = ['shop', 'crm', 'crm_eu'];
    const sources = (rules: string[], target: string): string[] =>
      NameMapping.of(rules).sourcesOf(target, databases);
    expect(sources(['shop.*=store.*'], 'store.orders')).toEqual(['shop.orders']);
    expect(sources(['shop.*=store.*'], 'shop.orders')).toEqual([]);
    expect(sources(['shop.*=store.*'], 'crm.leads')).toEqual(['crm.leads']);
    expect(sources(['*.*=one.*'], 'one.a')).toEqual(['shop.a', 'crm.a', 'crm_eu.a']);
    expect(sources(['*.*=main.{db}_{coll}'], 'main.crm_eu_leads')).toEqual(['crm.eu_leads', 'crm_eu.leads']);
    expect(sources(['*.*=main.{db}_{coll}'], 'main.others')).toEqual([]);
    expect(sources(['*.*=main.{db}_{coll}', 'crm.leads=main.crm'], 'main.crm_leads')).toEqual([]);
    expect(sources(['crm.leads=main.crm'], 'main.crm')).toEqual(['crm.leads']);
  });

  it('finds rules that are for nothing', () => {
    const mapping = NameMapping.of(['shop.*=store.*', 'crm.leads=a.b', '*.x=c.x{db}', 'news=old']);
    expect(unmatchedRules(mapping, ['shop.orders', 'crm.lead'])).toEqual([
      '*.x=c.x{db}',
      'crm.leads=a.b',
      'news.*=old.*',
    ]);
    expect(unmatchedRules(mapping, ['crm.leads', 'shop.x', 'news.a'])).toEqual([]);
  });

  it('is told with both names where they differ', () => {
    expect(bothNames('a.b', 'a.b')).toBe('a.b');
    expect(bothNames('a.b', 'c.d')).toBe('a.b (c.d on the source)');
  });
});

describe('collisions', () => {
  const collide = (rules: readonly string[], names: readonly string[]) => () =>
    assertApartOnTarget(names, NameMapping.of(rules));

  it.each([
    [['*.*=one.*'], ['shop.users', 'crm.leads', 'crm.users'], 'shop.users and crm.users (both one.users)'],
    [['shop.*=crm.*'], ['crm.a', 'shop.a'], 'crm.a and shop.a (both crm.a)'],
    [['*.*=main.{db}_{coll}'], ['a.b_c', 'a_b.c'], 'a.b_c and a_b.c (both main.a_b_c)'],
    [['shop.*=Store.*', 'crm.*=store.*'], ['shop.a', 'crm.b'], 'Store and store'],
    [['shop.*=CRM.*'], ['shop.a', 'crm.b'], 'CRM and crm'],
  ])('by %j of %j are refused', (rules, names, what) => {
    expect(collide(rules, names)).toThrow(
      expect.objectContaining({ code: 'LOAD_NAME_COLLISION', message: expect.stringContaining(what) }),
    );
  });

  it('are none where the names are apart', () => {
    expect(collide(['*.*=main.{db}_{coll}'], ['shop.a', 'crm.a', 'shop.a'])).not.toThrow();
    expect(collide([], ['shop.a', 'shop.a'])).not.toThrow();
  });
});
