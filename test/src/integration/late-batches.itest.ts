/**
 * A batch whose connection breaks may reach the target long after its repetition, and after newer
 * states of its documents (INV-3). The server refuses it then.
 */

import { Ownership } from '@waybill/load/progress/ownership';
import { type LaneCursor, Progress, readProgress, START } from '@waybill/load/progress/progress';
import { plainCollection } from '@waybill/load/structure/collections';
import { Registry } from '@waybill/load/structure/registry';
import { openTarget } from '@waybill/load/target/open/open-target';
import type { LoadTarget, WriteBatch } from '@waybill/load/target/target';
import { silentLogger } from '@waybill/shared/base/logger';
import { deleteStatement, replaceStatement } from '@waybill/shared/bson/statement';
import { connect } from '@waybill/shared/mongo/driver/connect';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { document, int32 } from '../support/bson/bytes.ts';
import { type HeldMessage, LateWire } from '../support/late-wire.ts';
import { type TestClient, testClient } from '../support/raw.ts';
import { describeWithServer, type ServerKind, startServer, uniqueName } from '../support/servers.ts';

const TAG = { load: 'main', epoch: 1 };

for (const kind of ['current', 'oldest'] as const satisfies readonly ServerKind[]) {
  await describeWithServer(
    `a batch that reaches a target after its repetition, ${kind} server`,
    (servers) => {
      let client: TestClient;
      let wire: LateWire;
      let connection: MongoConnection;
      let target: LoadTarget;
      let database: string;
      let things: string;

      beforeAll(async () => {
        client = await testClient(servers.source.uri);
        wire = await LateWire.start(servers.source.uri);
        connection = await connect(wire.uri, { role: 'target' });
      });
      afterAll(async () => {
        await connection?.close();
        await wire?.[Symbol.asyncDispose]();
        await client?.[Symbol.asyncDispose]();
      });
      beforeEach(async () => {
        database = uniqueName('late');
        things = `${database}.things`;
        for (const name of ['things', 'elsewhere']) await client.client.db(database).createCollection(name);
        target = await openTarget(connection).forLoad({ progressDatabase: database, maxWriteMs: 60_000 });
        const documentOf = (slot: number): string => `main/slot/${slot}`;
        const slots = { slots: 2, allSlots: 2, documentOf };
        expect(await target.shutOut({ tag: TAG, key: database, ...slots })).toBe(true);
      });

      const write = (kind: WriteBatch['kind'], statements: readonly Buffer[], namespace = things) =>
        target.write({ kind, namespace, statements, bypassValidation: true, keepsOrder: false }, TAG);
      const stored = (): Promise<object[]> =>
        client.client.db(database).collection('things').find().sort({ _id: 1 }).toArray();

      /**
       * Sends a batch that is lost on its way, and repeats it. Another batch ends in between, so
       * the repetition doesn't happen to take the first attempt's session.
       */
      async function lose(send: () => Promise<unknown>, marker = 'things'): Promise<HeldMessage> {
        const held = wire.hold(marker);
        const lost = send().catch((error: unknown) => error);
        const late = await held;
        const besideHeld = wire.hold('elsewhere');
        const beside = write('insert', [thing(1, 0)], `${database}.elsewhere`);
        const other = await besideHeld;
        late.reset();
        expect(await lost).toMatchObject({ code: 'MONGO_TRANSIENT' });
        await other.deliver();
        await beside;
        await send();
        return late;
      }

      it('does not bring back the older state of a document', async () => {
        await write('insert', [thing(1, 0)]);
        const late = await lose(() => write('update', [replacement(1, 1)]));
        await write('update', [replacement(1, 2)]);
        await late.deliver();
        expect(await stored()).toEqual([{ _id: 1, n: 2 }]);
      });

      it('does not insert what was deleted since', async () => {
        const late = await lose(() => write('insert', [thing(1, 0)]));
        await write('delete', [deletion(1)]);
        await late.deliver();
        expect(await stored()).toEqual([]);
      });

      it('does not delete what was inserted since', async () => {
        await write('insert', [thing(1, 0)]);
        const late = await lose(() => write('delete', [deletion(1)]));
        await write('insert', [thing(1, 1)]);
        await late.deliver();
        expect(await stored()).toEqual([{ _id: 1, n: 1 }]);
      });

      it('does not commit a transaction in whose place another one came', async () => {
        const all = Array.from({ length: 40 }, (_, id) => id);
        const puts = (n: number): Buffer[] => all.map((id) => replacement(id, n));
        await write('update', puts(0));
        const late = await lose(() => write('update', puts(1)), 'commitTransaction');
        await write('update', puts(2));
        await late.deliver();
        expect(await stored()).toEqual(all.map((_id) => ({ _id, n: 2 })));
      });

      it('makes no collection that was dropped or renamed since', async () => {
        const names = async (): Promise<string[]> =>
          (await client.client.db(database).listCollections().toArray()).map(({ name }) => name).sort();
        const renamed = await lose(() => write('update', [replacement(1, 1)]));
        await target.rename((await target.collection(things))!, `${database}.others`, TAG);
        await renamed.deliver();
        expect(await names()).toEqual(['elsewhere', 'others', 'progress']);
        const dropped = await lose(() => write('update', [replacement(1, 1)]));
        await target.drop((await target.collection(things))!, TAG);
        await dropped.deliver();
        expect(await names()).toEqual(['elsewhere', 'others', 'progress']);
      });

      it('takes no progress back', async () => {
        const progress = new Progress(target.progress, { ...TAG, lanes: 1 });
        await progress.takeOver();
        const cursor = await lose(() => progress.advance(at(1)), 'main/lane/0000');
        await progress.advance(at(2));
        await cursor.deliver();
        expect(await cursorSeq(target)).toBe(2);

        const registry = await Registry.open(target.progress, TAG.load);
        const record = {
          ...plainCollection({ namespace: things, source: things }, null),
          indexes: [],
          targetUuid: null,
          created: true,
          foreignValidator: false,
          blocked: [],
        };
        const saved = await lose(() => registry.save(record), 'main/collection/');
        await registry.remove(things);
        await saved.deliver();
        expect((await Registry.open(target.progress, TAG.load)).all()).toEqual([]);
      });
    },
    { source: kind },
  );
}

await describeWithServer('a cursor that reaches a standalone target after its repetition', () => {
  it('does not go back', async () => {
    await using server = await startServer();
    await using wire = await LateWire.start(server.uri);
    await using connection = await connect(wire.uri, { role: 'target' });
    const target = await openTarget(connection).forLoad({ progressDatabase: 'waybill', maxWriteMs: 60_000 });
    const progress = new Progress(target.progress, { ...TAG, lanes: 1 });
    await progress.takeOver();
    const held = wire.hold('main/lane/0000');
    const lost = progress.advance(at(1)).catch((error: unknown) => error);
    const late = await held;
    late.reset();
    expect(await lost).toMatchObject({ code: 'MONGO_TRANSIENT' });
    await progress.advance(at(1));
    await progress.advance(at(2));
    await late.deliver();
    expect(await cursorSeq(target)).toBe(2);
  });
});

await describeWithServer('a load whose batch got no answer from a standalone target', () => {
  it('does not say at its end that nothing more comes of it', async () => {
    await using server = await startServer();
    await using wire = await LateWire.start(server.uri);
    await using connection = await connect(wire.uri, { role: 'target' });
    const target = await openTarget(connection).forLoad({ progressDatabase: 'waybill', maxWriteMs: 60_000 });
    const times = { confirmMs: 50, leaseMs: 100, maxWriteMs: 60_000, workers: 1 };
    const { signal } = new AbortController();
    const deps = { target, logger: silentLogger, signal };
    const isReleased = async (loses: boolean, epoch: number): Promise<boolean> => {
      const owner = await Ownership.acquire(
        { load: 'main', stream: 'any', bond: 'any', epoch, ...times },
        deps,
      );
      const batch = {
        kind: 'insert',
        namespace: 'late.things',
        bypassValidation: true,
        keepsOrder: false,
      } as const;
      const write = () => target.write({ ...batch, statements: [thing(epoch, 0)] }, owner.tag);
      const held = loses ? wire.hold('things') : null;
      const writing = write().catch((error: unknown) => error);
      if (held) (await held).reset();
      expect(await writing).toMatchObject(loses ? { code: 'MONGO_TRANSIENT' } : { n: 1 });
      await owner.release();
      return (await target.progress.find('main/owner'))[0]?.released === true;
    };
    expect(await isReleased(false, 1)).toBe(true);
    expect(await isReleased(true, 2)).toBe(false);
  });
});

const at = (seq: number): ReadonlyMap<number, LaneCursor> => new Map([[0, { ...START, seq, hash: 'any' }]]);
const cursorSeq = async (target: LoadTarget): Promise<number | undefined> =>
  (await readProgress(target.progress, TAG.load, 1)).cursors[0]?.seq;

const thing = (id: number, n: number): Buffer => document(['_id', int32(id)], ['n', int32(n)]);
const replacement = (id: number, n: number): Buffer => replaceStatement(int32(id), thing(id, n), true);
const deletion = (id: number): Buffer => deleteStatement(int32(id));
