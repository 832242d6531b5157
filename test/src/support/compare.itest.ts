import { expect, it } from 'vitest';
import { insertCorpus } from '../corpus/corpus.ts';
import { compareDeployments } from './compare.ts';
import { testClient } from './raw.ts';
import { describeWithServer, uniqueName } from './servers.ts';

await describeWithServer('the comparison that tests rely on', (servers) => {
  it('finds two copies of the corpus the same, and then each kind of difference', async () => {
    const database = uniqueName('compared');
    const compare = () =>
      compareDeployments(servers.source.uri, servers.target.uri, { databases: [database] });
    await insertCorpus(servers.source.uri, { database });
    await insertCorpus(servers.target.uri, { database });
    expect(await compare()).toEqual([]);

    await using client = await testClient(servers.target.uri);
    const there = client.client.db(database);
    await there
      .collection('values')
      .updateOne({ _id: 'one in every numeric type' as never }, [{ $set: { int: { $toLong: '$int' } } }]);
    await there.collection('names').deleteOne({ _id: 'dotted' as never });
    await there.collection('ids').insertOne({ _id: 'another' as never });
    await there.collection('capped').insertOne({ _id: 'another' as never });
    await there.collection('indexed').dropIndex('hidden');
    await there.collection('empty').rename('renamed');
    await there.command({ collMod: 'validated', validationLevel: 'strict' });

    const found = await compare();
    expect(found.map((line) => line.replace(/(_id) \S+|structure .*/, '$1'))).toEqual([
      `${database}.capped: _id only on the target`,
      `${database}.empty: missing on the target`,
      `${database}.ids: _id only on the target`,
      `${database}.indexed: `,
      `${database}.names: _id missing on the target`,
      `${database}.renamed: only on the target`,
      `${database}.validated: `,
      `${database}.values: _id differs`,
    ]);
  });
});
