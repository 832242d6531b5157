/**
 * What a target can do is found by asking it. A server that says that it lacks something is told
 * from one that failed to answer: the first is taken as it is, the second is an error.
 */

import type { RunningServer } from '@waybill/demo/servers/start';
import { connectTarget, openTarget } from '@waybill/load/target/open/open-target';
import type { Decision } from '@waybill/load/target/rules/decisions';
import type { LoadTarget } from '@waybill/load/target/target';
import { silentLogger } from '@waybill/shared/base/logger';
import { connect } from '@waybill/shared/mongo/driver/connect';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { SERVER_CODES, type ServerCodeName } from '@waybill/shared/mongo/driver/server-codes';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type TestClient, testClient } from '../support/raw.ts';
import { describeWithServer, startServer } from '../support/servers.ts';

const UNKNOWN_ERROR = 8;
const FAILED = { code: 'MONGO_COMMAND_FAILED' };

await describeWithServer('a target that answers a probe with an error', () => {
  let server: RunningServer;
  let client: TestClient;
  let connection: MongoConnection;

  beforeAll(async () => {
    const args = ['--setParameter', 'enableTestCommands=1'];
    server = await startServer({ replSet: 'probes', args });
    client = await testClient(server.uri);
    connection = await connect(server.uri, { role: 'target', appName: 'probing' });
  });
  afterAll(async () => {
    await connection?.close();
    await client?.[Symbol.asyncDispose]();
    await server?.stop();
  });
  beforeEach(() => client.command('admin', { configureFailPoint: 'failCommand', mode: 'off' }));

  const failing = (command: string, code: ServerCodeName | null): Promise<unknown> =>
    client.command('admin', {
      configureFailPoint: 'failCommand',
      mode: 'alwaysOn',
      data: {
        failCommands: [command],
        errorCode: code === null ? UNKNOWN_ERROR : SERVER_CODES[code],
        appName: 'probing',
      },
    });
  const open = (): Promise<LoadTarget> =>
    openTarget(connection).forLoad({ progressDatabase: 'probes', maxWriteMs: 60_000 });
  const shutOut = (target: LoadTarget): Promise<boolean> =>
    target.shutOut({
      tag: { load: 'main', epoch: 1 },
      key: 'probes',
      slots: 1,
      allSlots: 1,
      documentOf: (slot) => `main/slot/${slot}`,
    });

  it('can do without what the server says that it lacks', async () => {
    expect((await open()).capabilities.keepsEmptyTimestamps).toBe(true);
    for (const code of ['IDLUnknownField', 'CommandNotSupported', 'NotImplemented'] as const) {
      await failing('update', code);
      const target = await open();
      expect(target.capabilities.keepsEmptyTimestamps).toBe(false);
      expect(await shutOut(target)).toBe(false);
    }
    await failing('connectionStatus', 'CommandNotFound');
    const target = await open();
    expect(await target.login()).toBeNull();
    await openTarget(connection).assertPrivileges(['any'], new AbortController().signal);
  });

  it('is tried out where nothing is known of it, and left as it was', async () => {
    const settled = async (): Promise<ReadonlyMap<string, Decision>> => {
      const options = { kind: 'generic', logger: silentLogger, appName: 'probing' } as const;
      const { target, connection: own } = await connectTarget(server.uri, options);
      await using _own = own;
      const opened = await target.forLoad({ progressDatabase: 'probes', maxWriteMs: 60_000 });
      return new Map(opened.decisions().map((decision) => [decision.name, decision]));
    };
    const whole = await settled();
    expect(whole.get('renamesCollections')).toMatchObject({ value: true, by: 'probe' });
    // MongoDB puts the time in place of it, unless a flag says otherwise.
    expect(whole.get('keepsEmptyTimestamps')).toMatchObject({ value: false, by: 'probe', note: null });
    await failing('collMod', 'CommandNotFound');
    expect((await settled()).get('modifiesCollections')).toMatchObject({ value: false, note: null });
    await failing('collMod', null);
    const failed = (await settled()).get('modifiesCollections');
    expect(failed).toMatchObject({ value: false, note: expect.stringContaining('failCommand') });
    const { cursor } = await client.command('probes', { listCollections: 1, filter: { name: /probe/ } });
    expect(cursor.firstBatch).toEqual([]);
  });

  it('is not opened where the probe of a flag fails', async () => {
    await failing('update', null);
    await expect(open()).rejects.toMatchObject(FAILED);
  });

  it('is not taken for one that cannot refuse batches', async () => {
    const target = await open();
    await failing('update', null);
    await expect(shutOut(target)).rejects.toMatchObject(FAILED);
  });

  it('is not taken for one that does not tell who logs in', async () => {
    const target = await open();
    await failing('connectionStatus', null);
    await expect(target.login()).rejects.toMatchObject(FAILED);
    const { signal } = new AbortController();
    await expect(openTarget(connection).assertPrivileges(['any'], signal)).rejects.toMatchObject(FAILED);
  });
});

for (const kind of ['current', 'oldest'] as const) {
  await describeWithServer(
    `the ${kind} server`,
    (servers) => {
      it('says what it lacks in words that are known', async () => {
        const { signal } = new AbortController();
        await using connection = await connect(servers.target.uri, { role: 'target', signal });
        const target = await openTarget(connection).forLoad({
          progressDatabase: 'probes',
          maxWriteMs: 60_000,
        });
        const isCurrent = kind === 'current';
        expect(target.capabilities).toMatchObject({
          keepsEmptyTimestamps: isCurrent,
          convertsToUnique: isCurrent,
          hidesIndexes: isCurrent,
          renamesCollections: true,
          buildsIndexesTogether: true,
        });
        expect(await target.login()).not.toBeUndefined();
      });
    },
    { target: kind },
  );
}
