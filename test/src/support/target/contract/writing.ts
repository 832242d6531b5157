import { fromObject } from '@waybill/shared/bson/build';
import { deleteStatement } from '@waybill/shared/bson/statement';
import { expect, it } from 'vitest';
import { int32 } from '../../bson/bytes.ts';
import { type Expected, put, Scene, thing } from './scene.ts';

const FENCED = { code: 'LOAD_FENCED', exitCode: 4 };

export function writingContract(uri: () => string, expected: Expected): void {
  batchContract(uri, expected);
  fenceContract(uri, expected);
}

function batchContract(uri: () => string, { namesIndexes, takesLargeCommands }: Expected): void {
  it('writes batches byte for byte, and ends in the same state where they are repeated', async () => {
    await using scene = await Scene.open(uri());
    const many = Array.from({ length: 50 }, (_, id) => id);
    expect(
      await scene.write(
        'insert',
        'things',
        many.map((id) => thing(id)),
      ),
    ).toEqual({
      n: 50,
      failures: [],
    });
    for (const _again of [1, 2]) {
      const puts = many.map((id) => put(id + 25, 'new'));
      expect(await scene.write('update', 'things', puts)).toEqual({ n: 50, failures: [] });
    }
    const deletions = many.map((id) => deleteStatement(int32(id)));
    expect((await scene.write('delete', 'things', deletions)).n).toBe(50);
    expect((await scene.write('delete', 'things', deletions)).n).toBe(0);
    const left = Array.from({ length: 25 }, (_, id) => thing(id + 50, 'new'));
    expect(await scene.stored('things')).toEqual(left);
    expect(scene.opened.mayStillWrite()).toBe(false);
  });

  it('names every statement that was refused, without its values, and does the others', async () => {
    await using scene = await Scene.open(uri());
    const { opened, database, tag } = scene;
    const unique = fromObject({ key: { value: 1 }, name: 'only once', unique: true });
    await opened.createIndexes(`${database}.things`, [unique], tag);
    await scene.write('insert', 'things', [thing(1, 'a secret')]);
    const batch = [thing(2, 'another'), thing(1, 'third'), thing(3, 'a secret'), thing(4, 'fourth')];
    const { n, failures } = await scene.write('insert', 'things', batch);
    expect(n).toBe(2);
    expect(failures).toMatchObject([
      { index: 1, ...(namesIndexes && { duplicateId: true }) },
      { index: 2, ...(namesIndexes && { duplicateId: false, indexName: 'only once' }) },
    ]);
    expect(JSON.stringify(failures)).not.toContain('a secret');
  });

  it('says how much one command takes', async () => {
    await using scene = await Scene.open(uri());
    expect(scene.opened.limits.batchStatements).toBeGreaterThanOrEqual(takesLargeCommands ? 500 : 15);
    expect(scene.opened.limits.batchBytes).toBeGreaterThan(takesLargeCommands ? 16 << 20 : 1 << 20);
  });
}

function fenceContract(uri: () => string, expected: Expected): void {
  it('shuts out the owner before, or says that it cannot', async () => {
    await using older = await Scene.open(uri());
    expect(await older.shutOut()).toBe(expected.fences);
    await older.write('insert', 'things', [thing(1)]);
    await using newer = await older.successor(uri());
    expect(await newer.shutOut()).toBe(expected.fences);
    expect(await newer.opened.olderWritesRun(newer.tag)).toBe(expected.showsWrites ? false : null);
    await newer.opened.keepShutOut();
    const late = () => older.write('update', 'things', [put(1, 'late')]);
    const change = () =>
      older.opened.progress.update([{ id: 'main/any', set: { late: true }, upsert: true }]);
    if (expected.fences) {
      await expect(late()).rejects.toMatchObject(FENCED);
      await expect(change()).rejects.toMatchObject(FENCED);
      await expect(older.shutOut()).rejects.toMatchObject(FENCED);
    } else {
      expect([await late(), await change()]).toEqual([{ n: 1, failures: [] }, 1]);
    }
    expect(await newer.write('update', 'things', [put(1, 'new')])).toEqual({ n: 1, failures: [] });
    expect(await newer.stored('things')).toEqual([thing(1, 'new')]);
  });

  it('knows who logs in, or says that it does not', async () => {
    await using one = await Scene.open(uri());
    await using other = await Scene.open(uri());
    expect(await one.opened.login()).toEqual(await other.opened.login());
  });
}
