import { doc, fromObject } from '@waybill/shared/bson/build';
import { BsonType } from '@waybill/shared/bson/raw';
import { deleteStatement } from '@waybill/shared/bson/statement';
import { expect, it } from 'vitest';
import { int32 } from '../../bson/bytes.ts';
import { type Expected, Scene, thing } from './scene.ts';

const INDEX = fromObject({ key: { value: 1 }, name: 'by value' });
const ENGLISH = doc(fromObject({ locale: 'en' }));
const TRUE = { type: BsonType.boolean, bytes: Buffer.from([1]) } as const;

export function structureContract(uri: () => string, expected: Expected): void {
  collectionContract(uri, expected);
  indexContract(uri, expected);
  uniqueContract(uri, expected);
}

function collectionContract(uri: () => string, { takesOptions, missesCollections }: Expected): void {
  it('creates, renames and drops collections, and may be asked again', async () => {
    await using scene = await Scene.open(uri());
    const { opened, database, tag } = scene;
    const [things, others] = [`${database}.things`, `${database}.others`];
    expect(await opened.collection(things)).toBeNull();
    await opened.create(things, [], tag);
    expect(await opened.isEmpty(things)).toBe(true);
    await scene.write('insert', 'things', [thing(1)]);
    const made = (await opened.collection(things))!;
    for (const options of takesOptions ? ([[], [['collation', ENGLISH]]] as const) : []) {
      await opened.create(things, options, tag);
    }
    expect(await opened.collection(things)).toEqual(made);
    expect(await opened.isEmpty(things)).toBe(false);
    expect(made).toMatchObject({ namespace: things, type: 'collection' });
    expect(await opened.rename(made, others, tag)).toBe(true);
    expect(await opened.rename(made, others, tag)).toBe(false);
    expect((await opened.collections(database)).map(({ namespace }) => namespace)).toEqual([others]);
    const renamed = (await opened.collection(others))!;
    expect(renamed.uuid).toEqual(made.uuid);
    expect(await opened.drop(renamed, tag)).toBe(true);
    expect(await opened.drop(renamed, tag)).toBe(!missesCollections);
  });
}

function indexContract(uri: () => string, { takesOptions }: Expected): void {
  it('builds and drops indexes, and may be asked again', async () => {
    await using scene = await Scene.open(uri());
    const { opened, database, tag } = scene;
    const things = `${database}.things`;
    expect(await opened.indexes(things)).toEqual([]);
    await opened.create(things, [], tag);
    for (const _again of [1, 2]) await opened.createIndexes(things, [INDEX], tag);
    expect(await opened.indexes(things)).toHaveLength(2);
    expect(await opened.dropIndex(things, 'by value', tag)).toBe(true);
    expect(await opened.dropIndex(things, 'by value', tag)).toBe(false);
    expect(await opened.dropIndex(`${database}.none`, 'by value', tag)).toBe(false);
    if (!takesOptions) return;
    const index = fromObject({ name: 'ttl', expireAfterSeconds: 60 });
    await opened.createIndexes(
      things,
      [fromObject({ key: { at: 1 }, name: 'ttl', expireAfterSeconds: 3600 })],
      tag,
    );
    await opened.modify(things, [['index', { type: BsonType.document, bytes: index }]], tag);
    await expect(opened.modify(`${database}.none`, [['validator', TRUE]], tag)).rejects.toMatchObject({
      code: 'MONGO_COMMAND_FAILED',
    });
  });
}

function uniqueContract(uri: () => string, { convertsToUnique }: Expected): void {
  it('makes an index unique where it can, and says what is in the way', async () => {
    await using scene = await Scene.open(uri());
    const { opened, database, tag } = scene;
    const things = `${database}.things`;
    expect(opened.capabilities.convertsToUnique).toBe(convertsToUnique);
    await opened.create(things, [], tag);
    await opened.createIndexes(things, [INDEX], tag);
    if (!convertsToUnique) {
      expect(await opened.makeNonUnique(things, 'by value', true, tag)).toBe(false);
      return;
    }
    await scene.write('insert', 'things', [thing(1, 7), thing(2, 7)]);
    const refused = { unique: false, violations: 1 };
    expect(await opened.tryUnique(things, 'by value', tag)).toEqual(refused);
    expect(await opened.makeUnique(things, 'by value', tag)).toEqual(refused);
    await scene.write('insert', 'things', [thing(3, 7)]);
    await opened.drop((await opened.collection(things))!, tag);
    await opened.create(things, [], tag);
    await opened.createIndexes(things, [INDEX], tag);
    expect(await opened.tryUnique(things, 'by value', tag)).toEqual({ unique: true, violations: 0 });
    expect(await scene.write('insert', 'things', [thing(1, 7), thing(2, 7)])).toEqual({ n: 2, failures: [] });
    await scene.write('delete', 'things', [deleteStatement(int32(1)), deleteStatement(int32(2))]);
    for (const _again of [1, 2]) {
      expect(await opened.makeUnique(things, 'by value', tag)).toEqual({ unique: true, violations: 0 });
    }
    expect((await scene.write('insert', 'things', [thing(1, 7), thing(2, 7)])).failures).toHaveLength(1);
    for (const isUnique of [true, false]) {
      expect(await opened.makeNonUnique(things, 'by value', isUnique, tag)).toBe(true);
    }
    expect(await scene.write('insert', 'things', [thing(2, 7)])).toEqual({ n: 1, failures: [] });
  });
}
