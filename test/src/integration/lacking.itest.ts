/** A target that lacks a field of the write commands, although its profile says otherwise. */
import { MongodbTarget } from '@waybill/load/target/mongodb/target';
import { MONGODB } from '@waybill/load/target/profiles/mongodb';
import { int32 } from '@waybill/shared/bson/build';
import { connect } from '@waybill/shared/mongo/driver/connect';
import { expect, it } from 'vitest';
import { order } from '../support/load-documents.ts';
import { testClient } from '../support/raw.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';

await describeWithServer(
  'a server of 4.0 that is taken for a newer one',
  (servers) => {
    it('is written to without comments, though several batches find it out at once', async () => {
      const connection = await connect(servers.source.uri, { role: 'target' });
      await using client = await testClient(servers.source.uri);
      const database = uniqueName('lacking');
      const profile = { ...MONGODB, abilities: { ...MONGODB.abilities, takesComments: true } };
      const opening = { database: null, kindBy: 'server' } as const;
      const target = await new MongodbTarget(connection, profile, opening).forLoad({
        progressDatabase: database,
        maxWriteMs: 60_000,
      });
      const scope = { namespace: `${database}.things`, bypassValidation: true, keepsOrder: false };
      const write = (n: number) =>
        target.write(
          { kind: 'insert', statements: [order(int32(n), n)], ...scope },
          { load: 'default', epoch: 1 },
        );
      const written = { n: 1, failures: [] };
      expect(await Promise.all([write(1), write(2)])).toEqual([written, written]);
      expect(await write(3)).toEqual(written);
      expect(target.learnt.facts()).toMatchObject([{ what: 'takesComments', value: false }]);
      expect(target.decisions()).toContainEqual(
        expect.objectContaining({ name: 'takesComments', value: false, by: 'learnt' }),
      );
      expect(await client.client.db(database).collection('things').countDocuments()).toBe(3);
      await client.client.db(database).dropDatabase();
      await connection.close();
    });
  },
  { source: 'oldest' },
);
