/**
 * A load's progress is recognised by its content: a user may have databases and collections with
 * the same names.
 */
import { expect, it } from 'vitest';
import { AT_WORK, Migration, said } from '../e2e/migration.ts';
import { testClient } from '../support/raw.ts';
import { describeWithServer, startServer, uniqueName } from '../support/servers.ts';

await describeWithServer('a database waybill of the user', () => {
  it('is captured, loaded beside the progress, and compared; a collection of its name wants another database', async () => {
    await using source = await startServer({ replSet: 'source' });
    await using target = await startServer({ replSet: 'target' });
    await using at = await testClient(source.uri);
    await using there = await testClient(target.uri);
    const documents = [{ _id: 1 }, { _id: 2 }] as never[];
    await at.client.db('waybill').collection('parcels').insertMany(documents);
    await using migration = await Migration.create({
      servers: { source, target },
      databases: ['waybill'],
      include: ['*'],
    });
    await migration.must('capture', '--until', 'caught-up');
    await migration.must('load', '--until', 'caught-up');
    expect(await there.client.db('waybill').collection('parcels').countDocuments()).toBe(2);
    expect(await migration.must('verify')).toMatch(/waybill\.parcels +2 +2/);

    // Of the same name as the progress: another stream, and another load.
    await at.client.db('waybill').collection('progress').insertMany(documents);
    await there.client.db('waybill').dropDatabase();
    const more = ['--stream', 'second'];
    await migration.must('capture', '--until', 'caught-up', '--stream', 'second', '--new-stream');
    const refused = await migration.run('load', ['--until', 'caught-up', ...more]);
    expect(refused.exitCode, refused.stderr).toBe(2);
    expect(refused.stderr).toMatch(/TARGET_PROGRESS_COLLISION.*--progress-database waybill_progress/s);
    const apart = ['--progress-database', 'waybill_progress'];
    await migration.must('load', '--until', 'caught-up', ...more, ...apart);
    // Known from now on.
    await migration.must('load', '--until', 'caught-up', ...more);
    expect(await migration.must('verify', ...more)).toMatch(/waybill\.progress +2 +2/);
    expect(await migration.must('status', ...more)).toMatch(/second/);
    const sides = [migration.start('capture', ...more), migration.start('load', ...more)];
    for (const side of sides) await said(side, AT_WORK);
    expect(await migration.must('cutover', ...more)).toMatch(/Cut over/);
    for (const side of sides) side.kill('SIGTERM');
    const changed = await migration.run('verify', [...more, '--progress-database', 'elsewhere']);
    expect(changed.stderr).toMatch(/LOAD_OPTIONS_CHANGED/);
    const progress = there.client.db('waybill_progress').collection<{ _id: string }>('progress');
    expect(await progress.countDocuments({ _id: 'load-waybill/owner' })).toBe(1);
    expect(await migration.differences()).toEqual([]);
  });

  it('is told from the progress of loads, which is left out wherever it is kept', async () => {
    await using source = await startServer({ replSet: 'source' });
    await using target = await startServer({ replSet: 'target' });
    await using at = await testClient(source.uri);
    for (const database of ['waybill', 'kept'])
      await at.client
        .db(database)
        .collection('progress')
        .insertMany([
          { _id: 'earlier/lane/0001', kind: 'lane', load: 'earlier' },
          { _id: 'earlier/owner', kind: 'owner', load: 'earlier' },
        ] as never[]);
    await at.client.db('waybill').collection('parcels').insertOne({ weight: 1 });
    const databases = [uniqueName('names')];
    await using migration = await Migration.create({
      servers: { source, target },
      databases,
      include: ['*'],
    });
    await migration.must('capture', '--until', 'caught-up');
    expect([...(await migration.stream()).collections.keys()]).toEqual(['waybill.parcels']);
    await migration.must('load', '--until', 'caught-up');
    const verified = await migration.must('verify');
    expect(verified).toMatch(/left out: .*kept\.progress.*waybill\.progress/);
  });
});
