import { documentId } from '@waybill/shared/bson/statement';
import { NamespaceFilter } from '@waybill/shared/mongo/facts/namespace-filter';
import { expect, it } from 'vitest';
import { int32 } from '../../bson/bytes.ts';
import { type Expected, Scene, signal, thing } from './scene.ts';

export function readingContract(uri: () => string, { hasTime, hasIdentity, kind }: Expected): void {
  it('tells which cluster it is, the same at every look', async () => {
    await using one = await Scene.open(uri());
    await using other = await Scene.open(uri());
    const identity = await one.target.identity(signal);
    expect(await other.target.identity(signal)).toEqual(identity);
    const id = identity.replicaSetId ?? identity.clusterId ?? identity.collectionUuid;
    expect(id !== null).toBe(hasIdentity);
    expect(one.target.url).not.toContain('/?');
    expect(one.target.profile.kind).toBe(kind);
  });

  it('reads documents in the order of _id, by _id, and counts them', async () => {
    await using scene = await Scene.open(uri());
    const { reader } = scene.target;
    const namespace = `${scene.database}.things`;
    const before = await reader.operationTime(signal);
    const documents = [3, 1, 2].map((id) => thing(id));
    await scene.write('insert', 'things', documents);
    const notBefore = await reader.operationTime(signal);
    expect(before !== undefined).toBe(hasTime);
    if (hasTime) expect(notBefore! >= before!).toBe(true);
    expect(await scene.stored('things')).toEqual([1, 2, 3].map((id) => thing(id)));
    const found: Buffer[] = [];
    const time = await reader.find(namespace, [int32(2), int32(9)], { notBefore, signal }, (each) =>
      found.push(each),
    );
    expect(found).toEqual([thing(2)]);
    if (hasTime) expect(time! >= notBefore!).toBe(true);
    expect(await reader.count(namespace, signal)).toBe(3);
    expect(await reader.count(`${scene.database}.nothing`, signal)).toBe(0);
    expect(await reader.duplicateIds(namespace, documents.map(documentId), signal)).toEqual([]);
  });

  it('reads on where one reply ends', async () => {
    await using scene = await Scene.open(uri());
    const documents = Array.from({ length: 500 }, (_, id) => thing(id));
    await scene.write('insert', 'things', documents);
    expect(await scene.stored('things')).toEqual(documents);
  });

  it('lists what a filter has in', async () => {
    await using scene = await Scene.open(uri());
    await scene.write('insert', 'things', [thing(1)]);
    await scene.write('insert', 'others', [thing(1)]);
    const filter = new NamespaceFilter({ include: [`${scene.database}.things`] });
    const [entry, ...more] = await scene.target.reader.catalog(filter, signal);
    expect(entry).toMatchObject({ namespace: `${scene.database}.things`, type: 'collection' });
    expect([entry?.indexes.length, more]).toEqual([1, []]);
  });

  it('has nothing to say against a user and collections that will do', async () => {
    await using scene = await Scene.open(uri());
    await scene.write('insert', 'things', [thing(1)]);
    await scene.target.assertPrivileges([scene.database], signal);
    const keys = await scene.target.shardKeys([`${scene.database}.things`], signal);
    expect(keys).toEqual(new Map());
  });
}
