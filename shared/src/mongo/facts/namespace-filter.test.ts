import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nameText } from '../../bson/name-text.ts';
import { NamespaceFilter } from './namespace-filter.ts';

const filter = (include: string[], exclude: string[] = []): NamespaceFilter =>
  new NamespaceFilter({ include, exclude });

describe('NamespaceFilter', () => {
  it.each([
    [[], [], 'shop.orders', true],
    [['shop'], [], 'shop.orders', true],
    [['shop.*'], [], 'shop.a.b.c', true],
    [['shop'], [], 'shopping.orders', false],
    [['shop.orders'], [], 'shop.orders', true],
    [['shop.orders'], [], 'shop.orders.archive', false],
    [['shop.orders.archive'], [], 'shop.orders.archive', true],
    [['shop.order*'], [], 'shop.orders.archive', true],
    [['*.orders'], [], 'shop.orders', true],
    [['*.orders'], [], 'shop.orders2', false],
    [['tenant-*'], [], 'tenant-7.users', true],
    [['shop'], ['shop.tmp*'], 'shop.tmp1', false],
    [['shop.orders'], ['shop'], 'shop.orders', false],
    [['sh.p.x'], [], 'shop.x', false],
    [['shop.a+b'], [], 'shop.a+b', true],
    [['shop.a+*'], [], 'shop.aab', false],
  ])('include %j, exclude %j: %s is %s', (include, exclude, namespace, expected) => {
    expect(filter(include, exclude).matches(namespace)).toBe(expected);
  });

  it.each([
    'admin.users',
    'local.oplog.rs',
    'config.chunks',
    'shop.system.views',
    'shop.system.buckets.t',
    'shop',
    'shop.',
  ])('never has %s in, whatever is included', (namespace) => {
    expect(new NamespaceFilter().matches(namespace)).toBe(false);
    expect(filter(['*.*', namespace.includes('.') ? '*' : namespace]).matches(namespace)).toBe(false);
  });

  it.each(['', '.x', 'shop.', 'a b.c', 'sh/op.x'])('refuses the pattern %j', (pattern) => {
    expect(() => filter([pattern])).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });

  it('knows which databases are worth listing', () => {
    const some = filter(['shop.orders', 'crm', 'tenant-*.x'], ['crm.*']);
    expect(['shop', 'crm', 'tenant-1', 'other', 'admin'].map((each) => some.mayMatchDatabase(each))).toEqual([
      true,
      false,
      true,
      false,
      false,
    ]);
    expect(some.exactDatabases()).toBeNull();
    expect(filter(['shop.orders', 'shop.x', 'crm']).exactDatabases()).toEqual(['shop', 'crm']);
    expect(new NamespaceFilter().exactDatabases()).toBeNull();
  });

  it('leaves the state collections of an excluded encrypted collection out', () => {
    const without = new NamespaceFilter({ exclude: ['med.patients', 'med.a.b*'] });
    const names = ['patients.esc', 'patients.ecoc', 'patients2.esc', 'a.bc.ecc', 'a.esc'];
    expect(names.filter((name) => without.matches(`med.enxcol_.${name}`))).toEqual([
      'patients2.esc',
      'a.esc',
    ]);
  });

  it('can be narrowed by another', () => {
    const narrowed = (include: string[], within: string[], exclude: string[] = []) =>
      new NamespaceFilter({ include, exclude, within: filter(within, ['shop.out']) });
    const both = narrowed(['shop.o*', 'crm'], ['shop'], ['shop.old']);
    expect(
      ['shop.orders', 'shop.out', 'shop.old', 'shop.users', 'crm.x'].filter((each) => both.matches(each)),
    ).toEqual(['shop.orders']);
    expect(['shop', 'crm', 'hr'].map((each) => both.mayMatchDatabase(each))).toEqual([true, false, false]);
    expect(both.exactDatabases()).toEqual(['shop']);
    expect(narrowed([], ['shop', 'crm']).exactDatabases()).toEqual(['shop', 'crm']);
    expect(narrowed(['*.orders'], ['shop', 'crm']).exactDatabases()).toEqual(['shop', 'crm']);
    expect(narrowed(['shop.orders'], ['*']).exactDatabases()).toEqual(['shop']);
    expect(narrowed([], ['*']).exactDatabases()).toBeNull();
  });

  it('gives lists of names for the server only where no glob is left', () => {
    expect(filter(['shop', 'shop.orders', 'crm.a', 'crm.b.c', 'crm.a']).exactLists()).toEqual({
      databases: ['shop'],
      namespaces: [
        { db: 'crm', coll: 'a' },
        { db: 'crm', coll: 'b.c' },
      ],
    });
    expect(filter(['shop', 'crm.a*']).exactLists()).toBeNull();
    expect(filter(['*.orders']).exactLists()).toBeNull();
    expect(new NamespaceFilter().exactLists()).toBeNull();
  });

  it('lists at least what it matches', () => {
    const name = fc.string({ unit: fc.constantFrom('a', 'b', '.'), minLength: 1, maxLength: 4 });
    const pattern = fc.oneof(
      fc.constantFrom('a', 'b', 'a.*'),
      name.map((each) => `a.${each}`),
    );
    fc.assert(
      fc.property(fc.array(pattern, { minLength: 1, maxLength: 4 }), name, (include, collection) => {
        const lists = filter(include).exactLists();
        const listed =
          lists?.databases.includes('a') || lists?.namespaces.some(({ coll }) => coll === collection);
        expect(filter(include).matches(`a.${collection}`)).toBe(listed ?? false);
      }),
    );
  });
});

describe('a name that is no UTF-8', () => {
  const names = [[0xff], [0xfe], [0xef, 0xbf, 0xbd], [0xc3, 0xbf], [0xf0, 0x9d, 0x92, 0xae]].map((bytes) =>
    nameText(Buffer.from([0x61, ...bytes, 0x62])),
  );

  it('is taken for no other name', () => {
    expect(new Set(names).size).toBe(names.length);
    expect(names.map((name) => name.isWellFormed())).toEqual([false, false, true, true, true]);
    expect(names[2]).toBe('a\ufffdb');
  });

  it('is refused where it would be taken, and left out where it is excluded', () => {
    const [bad] = names;
    const refused = expect.objectContaining({
      code: 'SOURCE_UNSUPPORTED',
      hint: expect.stringContaining('--exclude "shop.a*b"'),
    });
    expect(() => new NamespaceFilter({ include: [], exclude: [] }).matches(`shop.${bad}`)).toThrow(refused);
    expect(new NamespaceFilter({ include: [], exclude: ['shop.a*b'] }).matches(`shop.${bad}`)).toBe(false);
    expect(new NamespaceFilter({ include: ['crm'], exclude: [] }).matches(`shop.${bad}`)).toBe(false);
  });
});
