/** An election fails several commands at once: each of them may be tried again. */
import { connect } from '@waybill/shared/mongo/driver/connect';
import { SERVER_CODES } from '@waybill/shared/mongo/driver/server-codes';
import { expect, it } from 'vitest';
import { testClient } from '../support/raw.ts';
import { describeWithServer, startServer } from '../support/servers.ts';

const AT_ONCE = 20;

await describeWithServer('errors that tell of another primary', () => {
  it('are passing, however many come at once', async () => {
    const args = ['--setParameter', 'enableTestCommands=1'];
    await using server = await startServer({ replSet: 'errors', args });
    await using client = await testClient(server.uri);
    await using connection = await connect(server.uri, { role: 'target', appName: 'failing' });
    const data = {
      failCommands: ['insert'],
      errorCode: SERVER_CODES.NotWritablePrimary,
      appName: 'failing',
    };
    const mode = { times: AT_ONCE };
    await client.command('admin', { configureFailPoint: 'failCommand', mode, data });
    const inserts = Array.from({ length: AT_ONCE }, (_, _id) =>
      connection.command('errors', { insert: 'things', documents: [{ _id }] }),
    );
    const codes = (await Promise.allSettled(inserts)).map((each) =>
      each.status === 'rejected' ? each.reason.code : 'done',
    );
    expect(codes.filter((code) => code !== 'MONGO_TRANSIENT' && code !== 'done')).toEqual([]);
    expect(codes).toContain('MONGO_TRANSIENT');
    await connection.command('errors', { insert: 'things', documents: [{ _id: AT_ONCE }] });
  });
});
