/** Names that look harmless to a server: beyond U+FFFF, no UTF-8, and made to fool a terminal. */
import { fromObject, string } from '@waybill/shared/bson/build';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import { expect } from 'vitest';
import { temporaryBucket } from '../support/bucket.ts';
import { connectSource, startCapture } from '../support/capturing.ts';
import { itLoads } from '../support/fresh-load.ts';
import { A } from '../support/load-structure.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import { put } from '../support/stream-builder.ts';
import { runWaybill } from '../support/waybill.ts';
import { sendCommand } from '../support/wire.ts';

await describeWithServer('an odd name', (servers) => {
  const it = itLoads(() => servers.target.uri, 'odd');

  it('that begins beyond U+FFFF is loaded, and found again at each start', async ({
    client,
    stream,
    run,
  }) => {
    const database = `\u{1d4ae}${uniqueName('h')}`;
    const documents = [fromObject({ _id: 1 })];
    const [orders, items] = [`${database}.orders`, `${database}.items`];
    await stream.snapshot([{ namespace: orders, uuid: A, documents }]);
    await stream.milestone('caught-up');
    await run();
    await stream.ddl([{ operation: 'rename', namespace: orders, to: items, uuid: A }]);
    await stream.changes([put(items, fromObject({ _id: 2 }))]);
    await run();
    const names = (await client.client.db(database).listCollections().toArray()).map(({ name }) => name);
    expect(names).toEqual(['items']);
    expect(await client.client.db(database).collection('items').countDocuments()).toBe(2);
    await client.client.db(database).dropDatabase();
  });

  const BAD = string(Buffer.from([0x61, 0xff, 0x62]));

  it('that is no UTF-8 is refused by name before the copy, and can be left out', async ({ database }) => {
    const uri = servers.source.uri;
    await using source = await connectSource(uri);
    const make = (): Promise<unknown> =>
      sendCommand(uri, [
        ['insert', BAD],
        ['$db', string(database)],
        ['documents', { type: 4, bytes: fromObject({ 0: { _id: 1 } }) }],
      ]);
    await source.command(database, { create: 'good' });
    const refused = {
      code: 'SOURCE_UNSUPPORTED',
      message: expect.stringContaining(`"${database}.a\\udcffb" is not UTF-8`),
      hint: expect.stringContaining(`--exclude "${database}.a*b"`),
    };

    await make();
    await using before = await temporaryBucket();
    const starting = startCapture(source, await openBucket(before.url), { include: [database] });
    await expect(starting.ended).rejects.toMatchObject(refused);

    await using without = await temporaryBucket();
    const settings = { include: [database], exclude: [`${database}.a*b`], until: 'caught-up' } as const;
    const leaving = startCapture(source, await openBucket(without.url), settings);
    expect(await leaving.ended).toMatchObject({ ended: 'caught-up' });
    await source.command(database, { dropDatabase: 1 });
  });

  it('with escape sequences and line breaks reaches neither a terminal nor the log as it is', async ({
    database,
  }) => {
    await using source = await connectSource(servers.source.uri);
    await using bucket = await temporaryBucket();
    const name = 'a\u001b[2J\u009b31m\r\n12:00:00 error forged\u202eb';
    await source.command(database, { create: name });
    const at = ['--bucket', bucket.path];
    const capture = ['capture', ...at, '--source', servers.source.uri, '--include', database];
    for (const args of [
      [...capture, '--until', 'caught-up', '--log-level', 'debug'],
      ['status', ...at],
      ['status', ...at, '--json'],
      [...capture.slice(0, -1), `${database}.*`, '--log-format', 'json'],
    ]) {
      const { stdout, stderr } = await runWaybill(args);
      expect(stdout + stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
      expect(stdout + stderr).not.toMatch(/^12:00:00/m);
      if (args[0] === 'status') expect(stdout).toContain('a\\u001b[2J');
    }
    await source.command(database, { dropDatabase: 1 });
  });
});
