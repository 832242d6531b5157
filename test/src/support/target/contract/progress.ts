import type { ProgressValue } from '@waybill/load/target/progress-store';
import { expect, it } from 'vitest';
import { Scene, signal, thing } from './scene.ts';

const VALUES: Readonly<Record<string, ProgressValue>> = {
  text: 'täxt',
  number: 1.5,
  large: 2 ** 40,
  yes: true,
  nothing: null,
  bytes: Buffer.from([1, 2, 3]),
  when: new Date(1_700_000_000_123),
  list: [1, 'two', { three: 3 }],
  nested: { a: { b: null } },
};

export function progressContract(uri: () => string): void {
  it('gives progress back as it was set, and finds it by the beginning of its key', async () => {
    await using scene = await Scene.open(uri());
    const { progress } = scene.opened;
    expect(await progress.find('main/')).toEqual([]);
    const changes = ['main/b', 'main/a', 'mainly/c'].map((id) => ({ id, set: VALUES, upsert: true }));
    for (const _again of [1, 2]) expect(await progress.update(changes)).toBe(3);
    expect(await progress.find('main/')).toEqual(['main/a', 'main/b'].map((_id) => ({ _id, ...VALUES })));
    for (const _again of [1, 2]) await progress.remove(['main/a']);
    expect((await progress.find('main')).map(({ _id }) => _id)).toEqual(['main/b', 'mainly/c']);
  });

  it('changes progress only where the conditions hold', async () => {
    await using scene = await Scene.open(uri());
    const { progress } = scene.opened;
    const change = { id: 'main/lane', when: { epoch: { $lte: 2 } }, upsert: true };
    const raise = (epoch: number): Promise<number> =>
      progress.update([{ ...change, set: { epoch }, setOnInsert: { seq: 0 } }]);
    expect(await raise(2)).toBe(1);
    expect(await progress.update([{ id: 'main/lane', when: { epoch: 2 }, set: { seq: 5 } }])).toBe(1);
    expect(await progress.update([{ id: 'main/lane', when: { epoch: 1 }, set: { seq: 9 } }])).toBe(0);
    expect(await raise(3)).toBe(1);
    // Too late: its condition fails, and a second document of that key cannot be made.
    expect(await raise(2)).toBe(0);
    expect(await progress.find('main/')).toEqual([{ _id: 'main/lane', epoch: 3, seq: 5 }]);
    const several = [
      { id: 'main/none', set: { seq: 1 } },
      { id: 'main/lane', set: { seq: 6 } },
    ];
    expect(await progress.update(several)).toBe(1);
  });

  it('tells whose documents the collection holds, and who has a collection', async () => {
    await using scene = await Scene.open(uri());
    const { progress } = scene.opened;
    expect(await progress.contents(signal)).toBe('nothing');
    const set = { kind: 'collection', load: 'main', namespace: 'shop.orders' };
    await progress.update([{ id: 'main/collection/shop.orders', set, upsert: true }]);
    expect(await progress.contents(signal)).toBe('ours');
    expect(await scene.target.progress(progress.namespace.split('.')[0]!).contents(signal)).toBe('ours');
    expect(await progress.holders(['shop.orders', 'shop.others'])).toEqual([
      { namespace: 'shop.orders', load: 'main', targetUuid: null },
    ]);
    expect(await progress.holders(['shop.others'])).toEqual([]);
    await scene.write('insert', 'progress', [thing(1)]);
    expect(await scene.target.progress(scene.database).contents(signal)).toBe('other documents');
  });
}
