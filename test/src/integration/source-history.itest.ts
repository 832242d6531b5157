import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunningServer } from '@waybill/demo/servers/start';
import { temporaryFolder } from '@waybill/demo/servers/temporary';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import { readManifest } from '@waybill/shared/manifest/log';
import { milestoneOf } from '@waybill/shared/manifest/state';
import { expect, it } from 'vitest';
import { awaitUntil } from '../support/await-until.ts';
import { temporaryBucket } from '../support/bucket.ts';
import { caughtUp, connectSource, mark, startCapture } from '../support/capturing.ts';
import { testClient } from '../support/raw.ts';
import { describeWithServer, type ServerKind, startServer } from '../support/servers.ts';

for (const kind of ['current', 'oldest'] as const) {
  await describeWithServer(
    `a source that is put back to its own backup, ${kind} server`,
    () => {
      it('ends the capture that runs and refuses the next, and a restart alone does neither', async () => {
        await using files = await disposable('history');
        const backup = join(files.path, 'backup');
        const data = join(files.path, 'data');
        await using folder = await temporaryBucket();
        const bucket = await openBucket(folder.url);
        await mkdir(data);
        let server = await started(kind, data);
        try {
          await using client = await testClient(server.uri);
          const db = client.client.db('shop');
          await db.collection('orders').insertOne({ before: 'the backup' });
          // A checkpoint: from a journal alone 4.0 may come back without its replica set, which is
          // then made anew, and is another one.
          await client.command('admin', { fsync: 1 });
          await ended(server);
          await cp(data, backup, { recursive: true });
          server = await started(kind, data, server.port);
          await using source = await connectSource(server.uri);
          const include = ['shop'];
          const first = startCapture(source, bucket, { include });
          await caughtUp(bucket);
          await mark(db, bucket);
          await first.stop();
          const second = startCapture(source, bucket, { include, idleCommitMs: 100 });
          await mark(db, bucket);
          await ended(server);
          server = await started(kind, data, server.port);
          await mark(db, bucket);

          // Tokens of events are asked after by the server; those of moments without one are not.
          await client.client.db('other').collection('not captured').insertOne({});
          await awaitUntil('the position is past the last event', async () => {
            const { position } = await readManifest(bucket, 'default');
            return position?.clusterTime !== position?.lastEvent;
          });
          const elections = await term(server);
          await ended(server);
          await rm(data, { recursive: true });
          await cp(backup, data, { recursive: true });
          // Until it has had as many elections as before, drivers that knew it take it for a
          // primary that was replaced.
          do {
            await ended(server);
            server = await started(kind, data, server.port);
          } while ((await term(server)) < elections);
          await db.collection('orders').insertOne({ after: 'the restore' });
          // On a busy machine the capture may find its source later than the mark is waited for.
          const goesOn = mark(db, bucket).then(
            () => ({ code: 'none' }),
            () => second.ended,
          );
          const refused = { code: 'SOURCE_HISTORY_CHANGED', exitCode: 5 };
          await expect(Promise.race([second.ended, goesOn])).rejects.toMatchObject(refused);
          const left = await readManifest(bucket, 'default');
          expect(milestoneOf(left, 'history-lost')).toBeDefined();
          await expect(startCapture(source, bucket, { include }).ended).rejects.toMatchObject(refused);
          // A refused start writes nothing.
          expect((await readManifest(bucket, 'default')).seq).toBe(left.seq);
        } finally {
          await ended(server);
        }
      });
    },
    { source: kind },
  );
}

function started(kind: ServerKind, dbPath: string, port?: number): Promise<RunningServer> {
  return startServer({ kind, replSet: 'history', dbPath, ...(port !== undefined && { port }) });
}

/** Counts the elections. */
async function term({ uri }: RunningServer): Promise<number> {
  await using client = await testClient(uri);
  return Number((await client.command('admin', { replSetGetStatus: 1 })).term);
}

/** A clean end waits ten seconds for other members on 4.0. */
async function ended(server: RunningServer): Promise<void> {
  await server.kill();
  await server.stop();
}

async function disposable(name: string) {
  const folder = await temporaryFolder(name);
  return { path: folder.path, [Symbol.asyncDispose]: () => folder.remove() };
}
