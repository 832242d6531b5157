import { fromObject, type Plain } from '@waybill/shared/bson/build';
import type { DdlEvent } from '@waybill/shared/manifest/commit';
import { expect, it } from 'vitest';
import { NameMapping } from '../mapping/name-mapping.ts';
import { PROFILES } from '../target/profiles/all.ts';
import type { TargetKind } from '../target/profiles/profile.ts';
import { FindingTable } from './findings.ts';
import { StructureFindings } from './structure.ts';

const index = (
  name: string,
  key: { [field: string]: Plain },
  more: { [field: string]: Plain } = {},
): Buffer => fromObject({ v: 2, key, name, ...more });

/** Each finding as `rule detail count`. */
function found(
  kind: TargetKind,
  look: (structure: StructureFindings) => void,
  map: string[] = [],
  onlyDatabase: string | null = null,
): string[] {
  const table = new FindingTable();
  const structure = new StructureFindings(table, PROFILES[kind], NameMapping.of(map));
  look(structure);
  structure.lookAtNames(onlyDatabase);
  return table
    .list()
    .map(({ rule, detail, count }) => [rule, ...(detail === null ? [] : [detail]), count].join(' '))
    .sort();
}

const collection = {
  namespace: 'shop.orders',
  type: 'collection' as const,
  options: fromObject({ capped: true, size: 4096, validator: { a: 1 } }),
  indexes: [
    index('_id_', { _id: 1 }),
    index('geo', { at: '2d' }),
    index('collated', { a: 1 }, { collation: { locale: 'de' } }),
    index('old', { a: 1 }, { unknown: 1 }),
  ],
};

it('counts by the rules of each kind, and each thing once', () => {
  const look = (structure: StructureFindings): void => {
    structure.look(collection);
    structure.look(collection);
  };
  expect(found('firestore', look)).toEqual([
    'capped 1',
    'collection-option validator 1',
    'index-altered left out: unknown 1',
    'index-refused 2d 1',
    'index-refused collation 1',
  ]);
  expect(found('documentdb', look)).toEqual([
    'capped 1',
    'index-altered left out: unknown 1',
    'index-refused collation 1',
  ]);
  expect(found('atlas', look)).toEqual(['index-altered left out: unknown 1']);
});

it('counts the indexes and fields that are too many', () => {
  const key = Object.fromEntries(Array.from({ length: 33 }, (_, at) => [`f${at}`, 1]));
  const indexes = Array.from({ length: 65 }, (_, at) => index(`i${at}`, { [`f${at}`]: 1 }));
  const look = (structure: StructureFindings): void =>
    structure.look({ ...collection, options: fromObject({}), indexes: [...indexes, index('wide', key)] });
  expect(found('documentdb', look)).toEqual(['index-count 1']);
  expect(found('azure-documentdb', look)).toEqual(['index-refused more than 32 fields 1']);
});

it('finds names that meet in one database, and views', () => {
  const look = (structure: StructureFindings): void => {
    for (const namespace of ['a.x', 'b.x', 'b.y', 'c.z']) {
      structure.look({ namespace, type: 'view', options: fromObject({}), indexes: [] });
    }
  };
  expect(found('firestore', look)).toEqual(['name-collision 1', 'several-databases 3', 'view 4']);
  expect(found('mongodb', look)).toEqual([]);
  expect(found('firestore', look, ['*.*=one.{db}_{coll}'])).toEqual(['view 4']);
  expect(found('firestore', look, ['*.*=one.{db}_{coll}'], 'one')).toEqual(['view 4']);
  expect(found('firestore', look, ['*.*=one.{db}_{coll}'], 'two')).toEqual(['other-database 1', 'view 4']);
  expect(found('mongodb', look, ['*.*=one.*'])).toEqual(['name-collision 1']);
  expect(found('mongodb', look, ['a.*=B.*'])).toEqual(['database-case 1']);
});

it('looks at changes of structure', () => {
  const event = (operation: DdlEvent['operation'], more: Partial<DdlEvent> = {}): DdlEvent => ({
    operation,
    namespace: 'shop.orders',
    collectionUuid: null,
    clusterTime: '1:1',
    wallTime: null,
    description: null,
    ...more,
  });
  const described = (object: { [name: string]: Plain }): Partial<DdlEvent> => ({
    description: fromObject(object).toString('base64'),
  });
  const look = (structure: StructureFindings): void => {
    for (const each of [
      event('rename', { to: 'shop.__x__' }),
      event('modify'),
      event('modify'),
      event('drop'),
      event('create', described({ viewOn: 'x', pipeline: [] })),
      event('create', described({ collation: { locale: 'de' } })),
      event('createIndexes', described({ indexes: [{ v: 2, key: { a: 'hashed' }, name: 'a_hashed' }] })),
    ]) {
      structure.lookAtChange(each);
    }
    expect(structure.counts).toEqual({ collections: 1, views: 1, indexes: 1, changes: 7 });
  };
  expect(found('firestore', look)).toEqual([
    'collection-name 1',
    'collection-option collation 1',
    'index-refused hashed 1',
    'modify 2',
    'rename 1',
    'view 1',
  ]);
  expect(found('mongodb', look)).toEqual([]);
});
