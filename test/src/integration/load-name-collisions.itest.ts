/** Rules by which two collections would have one name on the target. */
import { loadPrefix } from '@waybill/shared/manifest/keys';
import { readManifest } from '@waybill/shared/manifest/log';
import { expect } from 'vitest';
import { itLoadsMapped, one } from '../support/load-mapped.ts';
import { A, B, C } from '../support/load-structure.ts';
import { describeWithServer } from '../support/servers.ts';
import { put } from '../support/stream-builder.ts';

await describeWithServer('a load in which two collections would have one name', (servers) => {
  const it = itLoadsMapped(() => servers.target.uri);

  it('is refused before a byte is written', async ({ database, stream, run, onTarget }) => {
    await stream.snapshot([
      { namespace: 'shop.orders', documents: [one(1)] },
      { namespace: 'shop.users', documents: [one(1)] },
      { namespace: 'crm.users', documents: [one(2)] },
    ]);
    await stream.milestone('caught-up');
    await expect(run({ map: [`*.*=${database}.*`] })).rejects.toMatchObject({
      code: 'LOAD_NAME_COLLISION',
      exitCode: 2,
      message: expect.stringContaining(`shop.users and crm.users (both ${database}.users)`),
    });
    await expect(run({ map: [`shop=${database}`, `crm=${database.toUpperCase()}`] })).rejects.toMatchObject({
      code: 'LOAD_NAME_COLLISION',
    });
    expect(await onTarget()).toEqual([]);
    expect((await readManifest(stream.bucket, loadPrefix('default', 'default'))).seq).toBe(0);
    await run({ map: [`*.*=${database}.*`], exclude: ['crm.users'] });
    expect(await onTarget()).toEqual(['orders: 1:0', 'users: 1:0']);
  });

  it.for([
    ['create', { operation: 'create', namespace: 'crm.users', uuid: C, description: {} }],
    ['rename', { operation: 'rename', namespace: 'crm.leads', to: 'crm.users', uuid: B }],
  ] as const)(
    'by a %s, it stops there, and writes nothing of it',
    async ([_, event], { database, stream, run, onTarget }) => {
      await stream.snapshot([
        { namespace: 'shop.users', uuid: A, documents: [one(1)] },
        { namespace: 'crm.leads', uuid: B, documents: [one(1)] },
      ]);
      const map = [`*.*=${database}.*`];
      await run({ map, until: 'snapshot-applied' });
      await stream.changes([put('shop.users', one(2))]);
      await stream.ddl([event]);
      await stream.changes([put('crm.users', one(99))]);
      await stream.milestone('caught-up');
      for (let start = 0; start < 2; start++) {
        await expect(run({ allowDrop: true })).rejects.toMatchObject({
          code: 'LOAD_NAME_COLLISION',
          message: expect.stringContaining(
            `the source has crm.users now, which would be ${database}.users on the target, where shop.users stands`,
          ),
          hint: expect.stringContaining('--exclude crm.users'),
        });
        expect(await onTarget()).toEqual(['leads: 1:0', 'users: 1:0 2:0']);
      }
    },
  );

  it('by changes of a source that tells no creates, it stops there too', async ({
    database,
    stream,
    run,
    onTarget,
  }) => {
    await stream.snapshot([{ namespace: 'shop.users', documents: [one(1)] }]);
    await run({ map: [`*.*=${database}.*`], until: 'snapshot-applied' });
    await stream.changes([put('crm.users', one(99)), put('crm.a', one(1)), put('shop.a', one(2))]);
    await stream.milestone('caught-up');
    await expect(run()).rejects.toMatchObject({ code: 'LOAD_NAME_COLLISION' });
    expect((await onTarget()).join()).not.toContain('99');
  });

  it('one after the other, it goes on', async ({ database, stream, run, onTarget }) => {
    await stream.snapshot([{ namespace: 'shop.users', uuid: A, documents: [one(1)] }]);
    await stream.ddl([
      { operation: 'drop', namespace: 'shop.users', uuid: A },
      { operation: 'create', namespace: 'crm.users', uuid: B, description: {} },
    ]);
    await stream.changes([put('crm.users', one(2))]);
    // From one database of the source to another, which is one name on the target.
    await stream.ddl([{ operation: 'rename', namespace: 'crm.users', to: 'shop.users', uuid: B }]);
    await stream.changes([put('shop.users', one(3))]);
    await stream.milestone('caught-up');
    await run({ map: [`*.*=${database}.*`], allowDrop: true });
    expect(await onTarget()).toEqual(['users: 2:0 3:0']);
    // The name of the source is known after the rename, too.
    await stream.ddl([{ operation: 'dropDatabase', namespace: 'crm' }]);
    await stream.ddl([{ operation: 'drop', namespace: 'crm.users', uuid: C }]);
    await run({ allowDrop: true });
    expect(await onTarget()).toEqual(['users: 2:0 3:0']);
    await stream.ddl([{ operation: 'dropDatabase', namespace: 'shop' }]);
    await run({ allowDrop: true });
    expect(await onTarget()).toEqual([]);
  });

  it('of two loads, the second one is refused', async ({ database, stream, run, onTarget }) => {
    await stream.snapshot([
      { namespace: 'shop.users', documents: [] },
      { namespace: 'crm.users', documents: [] },
    ]);
    await stream.milestone('caught-up');
    await run({ include: ['shop'], map: [`shop=${database}`] });
    const second = { load: 'second', include: ['crm'] };
    await expect(run({ ...second, map: [`crm=${database}`] })).rejects.toMatchObject({
      code: 'TARGET_NOT_EMPTY',
      message: expect.stringContaining(`${database}.users on the target`),
      hint: expect.stringContaining('--map'),
    });
    expect((await readManifest(stream.bucket, loadPrefix('default', 'second'))).seq).toBe(0);
    await run({ load: 'third', include: ['crm'], map: [`crm.*=${database}.{db}_{coll}`] });
    expect(await onTarget()).toEqual(['crm_users:', 'users:']);
  });
});
