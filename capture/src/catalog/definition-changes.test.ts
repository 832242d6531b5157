import { clusterTime } from '@waybill/shared/base/position';
import { fromObject } from '@waybill/shared/bson/build';
import { elements } from '@waybill/shared/bson/raw';
import type { CollectionDefinition } from '@waybill/shared/manifest/commit';
import { BSON } from 'mongodb-4-0';
import { describe, expect, it } from 'vitest';
import { definitionChanges } from './definition-changes.ts';

type Plain = Parameters<typeof fromObject>[0];

const ID = { v: 2, key: { _id: 1 }, name: '_id_' };
const EMAIL = { v: 2, key: { email: 1 }, name: 'email_1' };
const TTL = { v: 2, key: { at: 1 }, name: 'at_1', expireAfterSeconds: 60 };
const UUID = '01'.repeat(16);

const base64 = (object: Plain): string => fromObject(object).toString('base64');

function collection(namespace: string, options: Plain = {}, indexes: readonly Plain[] = []) {
  return {
    namespace,
    type: 'collection',
    uuid: UUID,
    options: base64(options),
    indexes: [ID, ...indexes].map(base64),
    singleLane: false,
    capped: false,
    documents: 5,
    bytes: 50,
    snapshot: true,
  } satisfies CollectionDefinition;
}

function view(namespace: string, options: Plain): CollectionDefinition {
  return { ...collection(namespace, options), type: 'view', uuid: null, indexes: [], snapshot: false };
}

/** What is to be told, each as operation, name and description. */
function told(known: readonly CollectionDefinition[], listed: readonly CollectionDefinition[]) {
  const { ddl } = definitionChanges(known, listed, clusterTime(7, 1));
  return ddl.map(({ event: { operation, namespace, description } }) => [
    operation,
    namespace,
    description === null ? null : BSON.deserialize(Buffer.from(description, 'base64')),
  ]);
}

const left = (known: readonly CollectionDefinition[], listed: readonly CollectionDefinition[]) =>
  definitionChanges(known, listed, clusterTime(7, 1)).left.map(
    ({ namespace, what }) => `${namespace}: ${what}`,
  );

describe('definitionChanges', () => {
  it('tells nothing of what is the same, however it is written down', () => {
    const known = [
      collection('s.a', { validator: {} }, [EMAIL, TTL]),
      view('s.v', { viewOn: 'a', pipeline: [] }),
    ];
    const listed = [
      collection('s.a', {}, [
        { ...TTL, expireAfterSeconds: 60n },
        { ...EMAIL, ns: 's.a' },
      ]),
      view('s.v', { viewOn: 'a', pipeline: [] }),
    ];
    expect(told(known, listed)).toEqual([]);
    expect(left(known, listed)).toEqual([]);
  });

  it('makes collections with their indexes, and views last', () => {
    const listed = [
      view('s.a_view', { viewOn: 'new', pipeline: [] }),
      collection('s.new', { capped: true, size: 4096 }, [EMAIL]),
    ];
    expect(told([], listed)).toEqual([
      ['create', 's.new', { capped: true, size: 4096, idIndex: ID }],
      ['createIndexes', 's.new', { indexes: [EMAIL] }],
      ['create', 's.a_view', { viewOn: 'new', pipeline: [] }],
    ]);
  });

  it('drops indexes before it makes those of their names and keys', () => {
    const moved = { ...EMAIL, key: { mail: 1 } };
    const unique = { v: 2, key: { code: 1 }, name: 'code_1', unique: true };
    const plain = { v: 2, key: { code: 1 }, name: 'code_1' };
    expect(
      told(
        [collection('s.a', {}, [EMAIL, plain, { ...EMAIL, name: 'gone' }])],
        [collection('s.a', {}, [moved, unique])],
      ),
    ).toEqual([
      ['dropIndexes', 's.a', { indexes: [EMAIL, plain, { ...EMAIL, name: 'gone' }] }],
      ['createIndexes', 's.a', { indexes: [moved, unique] }],
    ]);
  });

  it('changes the expiry of an index and whether it is hidden, and makes it anew for the rest', () => {
    const known = [collection('s.a', {}, [TTL, EMAIL, { ...EMAIL, name: 'seen', hidden: true }])];
    const listed = [
      collection('s.a', {}, [
        { ...TTL, expireAfterSeconds: 90 },
        { ...EMAIL, hidden: true },
        { ...EMAIL, name: 'seen' },
      ]),
    ];
    expect(told(known, listed)).toEqual([
      ['modify', 's.a', { index: { name: 'at_1', expireAfterSeconds: 90 } }],
      ['modify', 's.a', { index: { name: 'email_1', hidden: true } }],
      ['modify', 's.a', { index: { name: 'seen', hidden: false } }],
    ]);
    const { expireAfterSeconds: _, ...forEver } = TTL;
    expect(told([collection('s.a', {}, [TTL])], [collection('s.a', {}, [forEver])])).toEqual([
      ['dropIndexes', 's.a', { indexes: [TTL] }],
      ['createIndexes', 's.a', { indexes: [forEver] }],
    ]);
  });

  it('changes, gives and takes away a validator', () => {
    const validator = { a: { $type: 'int' } };
    const warns = { validator, validationLevel: 'moderate', validationAction: 'warn' };
    expect(told([collection('s.a')], [collection('s.a', warns)])).toEqual([['modify', 's.a', warns]]);
    const strict = { validator, validationLevel: 'strict', validationAction: 'error' };
    expect(told([collection('s.a', warns)], [collection('s.a', { validator })])).toEqual([
      ['modify', 's.a', strict],
    ]);
    expect(told([collection('s.a', warns)], [collection('s.a')])).toEqual([
      ['modify', 's.a', { ...strict, validator: {} }],
    ]);
  });

  it('tells of what changes by its types alone: a yes is not 1, and a long is exact', () => {
    const [flag, big] = [
      [{ a: true }, { a: 1 }],
      [{ a: 9007199254740993n }, { a: 9007199254740992n }],
    ] as const;
    for (const [before, after] of [flag, big]) {
      const of = (rule: Plain) => [
        collection('s.a', { validator: rule }, [{ ...EMAIL, partialFilterExpression: rule }]),
        view('s.v', { viewOn: 'a', pipeline: [{ $match: rule }] }),
      ];
      const operations = told(of(before), of(after)).map(
        ([operation, namespace]) => `${operation} ${namespace}`,
      );
      expect(operations).toEqual([
        'drop s.v',
        'modify s.a',
        'dropIndexes s.a',
        'createIndexes s.a',
        'create s.v',
      ]);
    }
  });

  it('changes and takes away the expiry of a clustered collection', () => {
    const known = [collection('s.a', { expireAfterSeconds: 60n })];
    expect(told(known, [collection('s.a')])).toEqual([['modify', 's.a', { expireAfterSeconds: 'off' }]]);
    expect(told(known, [collection('s.a', { expireAfterSeconds: 70 })])).toEqual([
      ['modify', 's.a', { expireAfterSeconds: 70 }],
    ]);
  });

  it('drops views that are gone or changed before all else, so that none ever stands on itself', () => {
    const on = (viewOn: string) => ({ viewOn, pipeline: [] });
    const known = [view('s.x', on('y')), view('s.y', on('z')), view('s.gone', on('z'))];
    const listed = [view('s.x', on('z')), view('s.y', on('x')), collection('s.new')];
    expect(told(known, listed).map(([operation, namespace]) => `${operation} ${namespace}`)).toEqual([
      'drop s.x',
      'drop s.y',
      'drop s.gone',
      'create s.new',
      'create s.x',
      'create s.y',
    ]);
  });

  it('makes a collection where a view was', () => {
    expect(
      told([view('s.a', { viewOn: 'b', pipeline: [] })], [collection('s.a')]).map(([operation]) => operation),
    ).toEqual(['drop', 'create']);
  });

  it('leaves and names what no event of the kind can tell', () => {
    const capped = (size: number) => collection('s.a', { capped: true, size }, [EMAIL]);
    expect(told([capped(4096)], [capped(8192)])).toEqual([]);
    expect(left([capped(4096)], [capped(8192)])).toEqual(['s.a: size']);
    expect(told([collection('s.a')], [])).toEqual([]);
    expect(left([collection('s.a')], [])).toEqual(['s.a: it is gone, and no event says so']);
    const now = view('s.a', { viewOn: 'b', pipeline: [] });
    expect(told([collection('s.a')], [now])).toEqual([]);
    expect(left([collection('s.a')], [now])).toEqual(['s.a: it is a view now']);
  });

  it('leaves the listed definition behind the last event of a collection, and nothing to tell after it', () => {
    const known = [collection('s.a', {}, [EMAIL]), view('s.v', { viewOn: 'a', pipeline: [] })];
    const listed = [
      { ...collection('s.a', { validator: { a: 1 } }, [TTL]), snapshot: false },
      { ...collection('s.b', {}, [EMAIL]), snapshot: false },
      view('s.v', { viewOn: 'b', pipeline: [] }),
    ];
    const { ddl } = definitionChanges(known, listed, clusterTime(7, 1));
    const definitions = ddl.map(({ definition }) => definition);
    expect(ddl.map(({ event, definition }) => [event.operation, definition?.namespace])).toEqual([
      ['drop', undefined],
      ['modify', undefined],
      ['dropIndexes', undefined],
      ['createIndexes', 's.a'],
      ['create', undefined],
      ['createIndexes', 's.b'],
      ['create', 's.v'],
    ]);
    const after = definitions.filter((definition) => definition !== null);
    // It had a snapshot, and has it still.
    expect(after.map(({ snapshot }) => snapshot)).toEqual([true, false, false]);
    expect(told(after, listed)).toEqual([]);
  });

  it('says of each event which collection it is of, and when', () => {
    const { ddl } = definitionChanges([], [collection('s.a', {}, [EMAIL])], clusterTime(7, 1));
    expect(ddl.map(({ event }) => event)).toMatchObject([
      { collectionUuid: UUID, clusterTime: '7:1', wallTime: null },
      { collectionUuid: UUID, clusterTime: '7:1', wallTime: null },
    ]);
    const [create] = ddl;
    const names = [...elements(Buffer.from(create?.event.description ?? '', 'base64'))];
    expect(names.map(({ name }) => name)).toEqual(['idIndex']);
  });
});
