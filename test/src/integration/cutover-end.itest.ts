/**
 * INV-10: from its cutover on a load can write nothing to the target, whatever it was doing: the
 * server refuses it, or the cutover does not end. That nobody writes to the source is proven last.
 */

import { type CutoverResult, runCutover } from '@waybill/load/cutover/cutover';
import { runLoad } from '@waybill/load/load';
import { Ownership } from '@waybill/load/progress/ownership';
import { resolveLoadSettings } from '@waybill/load/settings/load-settings';
import { WrappedBucket } from '@waybill/load/source/wrapped-bucket';
import { openTarget } from '@waybill/load/target/open/open-target';
import { Acceptance } from '@waybill/load/verify/acceptance';
import { newVerifyStats } from '@waybill/load/verify/settings';
import { WaybillError } from '@waybill/shared/base/errors';
import { silentLogger } from '@waybill/shared/base/logger';
import { createMetrics } from '@waybill/shared/base/metrics';
import { createLoadStats } from '@waybill/shared/base/stats';
import type { GetOptions } from '@waybill/shared/bucket/bucket';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import { loadPrefix } from '@waybill/shared/manifest/keys';
import { readManifest } from '@waybill/shared/manifest/log';
import { appendNote } from '@waybill/shared/manifest/note';
import { milestoneOf } from '@waybill/shared/manifest/state';
import { connect } from '@waybill/shared/mongo/driver/connect';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { expect, it } from 'vitest';
import { awaitUntil } from '../support/await-until.ts';
import { temporaryBucket } from '../support/bucket.ts';
import { caughtUp, startCapture } from '../support/capturing.ts';
import { LateWire } from '../support/late-wire.ts';
import { type TestClient, testClient } from '../support/raw.ts';
import { describeWithServer, startServer, uniqueName } from '../support/servers.ts';
import { connectTarget } from '../support/target/connect-target.ts';
import { type RunningCommand, spawnWaybill } from '../support/waybill.ts';

const HOUR = 3600;
const CUTOVER = { name: 'cutover', at: new Date().toISOString(), clusterTime: null, sequence: null } as const;

/** What is to happen when a cutover comes to a step, before it goes on. */
type AtStep = Readonly<Record<string, () => Promise<void>>>;

/**
 * A collection whose documents expire, with its capture, and what a test does with a load of it.
 */
class Scene implements AsyncDisposable {
  readonly database: string;
  readonly source: TestClient;
  readonly target: TestClient;
  readonly folder: string;
  readonly bucket: Awaited<ReturnType<typeof openBucket>>;
  readonly #stack: AsyncDisposableStack;
  readonly #connections: { readonly source: MongoConnection; readonly target: MongoConnection };

  private constructor(
    stack: AsyncDisposableStack,
    fields: Pick<Scene, 'bucket' | 'database' | 'folder' | 'source' | 'target'>,
    connections: { readonly source: MongoConnection; readonly target: MongoConnection },
  ) {
    this.database = fields.database;
    this.source = fields.source;
    this.target = fields.target;
    this.folder = fields.folder;
    this.bucket = fields.bucket;
    this.#stack = stack;
    this.#connections = connections;
  }

  static async start(sourceUri: string, targetUri: string): Promise<Scene> {
    const stack = new AsyncDisposableStack();
    const database = uniqueName('end');
    const source = stack.use(await testClient(sourceUri));
    const target = stack.use(await testClient(targetUri));
    const sessions = source.client.db(database).collection('sessions');
    await sessions.createIndex({ at: 1 }, { expireAfterSeconds: HOUR, name: 'ttl' });
    await sessions.createIndex({ n: 1 }, { unique: true, name: 'unique' });
    const documents = Array.from({ length: 20 }, (_, n) => ({ _id: n as never, n, at: new Date() }));
    await sessions.insertMany(documents);
    const folder = stack.use(await temporaryBucket());
    const bucket = await openBucket(folder.url);
    stack.defer(() => bucket.close());
    const connections = {
      source: stack.use(await connect(sourceUri, { role: 'source' })),
      target: stack.use(await connect(targetUri, { role: 'target' })),
    };
    const capture = startCapture(connections.source, bucket, { include: [database] });
    stack.defer(async () => void (await capture.stop()));
    await caughtUp(bucket);
    return new Scene(stack, { database, source, target, folder: folder.path, bucket }, connections);
  }

  /** A load in a process of its own. */
  async startLoad(uri: string): Promise<RunningCommand> {
    const args = ['load', '--bucket', this.folder, '--target', uri, '--load', this.database];
    const load = this.#stack.use(spawnWaybill(args));
    await this.caughtUp();
    return load;
  }

  /** A load in this process, whose bucket can go away. */
  startLoadHere(): { readonly ended: ReturnType<typeof runLoad>; cut(): void } {
    const bucket = new AwayBucket(this.bucket);
    const stop = new AbortController();
    const ended = runLoad(resolveLoadSettings({ load: this.database, pollMs: 20 }), {
      bucket,
      target: openTarget(this.#connections.target),
      logger: silentLogger,
      metrics: createMetrics(),
      stats: createLoadStats(),
      signal: stop.signal,
    });
    ended.catch(() => undefined);
    this.#stack.defer(async () => {
      stop.abort();
      await ended.catch(() => undefined);
    });
    return { ended, cut: () => bucket.goAway() };
  }

  async caughtUp(): Promise<void> {
    await awaitUntil('the load has caught up', async () => milestoneOf(await this.log(), 'caught-up'));
  }

  log(): ReturnType<typeof readManifest> {
    return readManifest(this.bucket, loadPrefix('default', this.database));
  }

  async cutOver(atStep: AtStep = {}): Promise<CutoverResult> {
    let gate: Promise<void> = Promise.resolve();
    const onStep = (step: string): void => {
      gate = gate.then(atStep[step] ?? (() => undefined));
    };
    const passing = (connection: MongoConnection): MongoConnection => ({
      role: connection.role,
      url: connection.url,
      server: connection.server,
      command: async (...args) => {
        await gate;
        return connection.command(...args);
      },
      startSession: (options) => connection.startSession(options),
      close: () => connection.close(),
      [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
    });
    const no = { allowEmpty: false, acceptDeadLetters: false };
    const settings = { stream: 'default', load: this.database, progressDatabase: 'waybill', ...no };
    return runCutover(
      { ...settings, wait: 60_000, acceptance: Acceptance.of([]), verify: {} },
      {
        bucket: this.bucket,
        source: passing(this.#connections.source),
        target: openTarget(passing(this.#connections.target)),
        logger: silentLogger,
        stats: newVerifyStats(),
        signal: new AbortController().signal,
        onStep,
      },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

class AwayBucket extends WrappedBucket {
  #isAway = false;

  goAway(): void {
    this.#isAway = true;
  }

  override async get(key: string, options?: GetOptions): Promise<Buffer> {
    if (this.#isAway) throw new WaybillError('BUCKET_UNAVAILABLE', 'the bucket is away');
    return super.get(key, options);
  }
}

await describeWithServer('a load that has been cut over', (servers) => {
  it.concurrent('cannot write what it had on the wire when it froze', async () => {
    await using wire = await LateWire.start(servers.target.uri);
    await using scene = await Scene.start(servers.source.uri, servers.target.uri);
    const load = await scene.startLoad(wire.uri);
    const there = scene.target.client.db(scene.database).collection<{ _id: number }>('sessions');
    const held = wire.hold('deletes\0');
    const result = await scene.cutOver({
      'restoring indexes': async () => {
        // It cannot be told from an expiry.
        await scene.source.client.db(scene.database).collection('sessions').deleteOne({ n: 7 });
        await held;
        load.kill('SIGSTOP');
      },
    });
    expect(result).toMatchObject({ alreadyDone: false, verification: { same: true } });
    // The target is in use.
    await there.updateOne({ _id: 7 }, { $set: { by: 'the application' } });
    await (await held).deliver();
    load.kill('SIGCONT');
    const { exitCode, stderr } = await load.ended;
    expect(stderr).toMatch(/it has been cut over/);
    expect(exitCode).toBe(0);
    expect(await there.findOne({ _id: 7 })).toMatchObject({ by: 'the application' });
  });

  it.concurrent('cannot write either where an earlier version had recorded the cutover and not ended it', async () => {
    await using wire = await LateWire.start(servers.target.uri);
    await using scene = await Scene.start(servers.source.uri, servers.target.uri);
    const load = await scene.startLoad(wire.uri);
    const there = scene.target.client.db(scene.database).collection<{ _id: number }>('sessions');
    const held = wire.hold('deletes\0');
    await scene.source.client.db(scene.database).collection('sessions').deleteOne({ n: 7 });
    await held;
    load.kill('SIGSTOP');
    await appendNote(scene.bucket, loadPrefix('default', scene.database), [CUTOVER], { writer: 'operator' });
    expect(await scene.cutOver()).toMatchObject({ alreadyDone: true });
    await there.updateOne({ _id: 7 }, { $set: { by: 'the application' } });
    await (await held).deliver();
    expect(await there.findOne({ _id: 7 })).toMatchObject({ by: 'the application' });
    const { seq } = await scene.log();
    expect(await scene.cutOver()).toMatchObject({ alreadyDone: true });
    expect((await scene.log()).seq).toBe(seq);
  });

  it.concurrent('ends where it is cut off from its bucket, and says why', async () => {
    await using scene = await Scene.start(servers.source.uri, servers.target.uri);
    const load = scene.startLoadHere();
    await scene.caughtUp();
    const result = await scene.cutOver({ 'restoring indexes': async () => load.cut() });
    expect(result).toMatchObject({ alreadyDone: false });
    await expect(load.ended).rejects.toMatchObject({
      code: 'LOAD_FENCED',
      message: expect.stringMatching(/a cutover took load \S+ over/),
    });
  });

  it.concurrent('has ended for certain, or there is no cutover, where the target cannot refuse', async () => {
    await using server = await startServer();
    await using scene = await Scene.start(servers.source.uri, server.uri);
    const load = await scene.startLoad(server.uri);
    const refused = scene.cutOver({ 'restoring indexes': async () => load.kill('SIGSTOP') });
    await expect(refused).rejects.toMatchObject({
      code: 'CUTOVER_NOT_READY',
      message: expect.stringMatching(/not certain that load \S+ has ended, and the target \S+ cannot refuse/),
    });
    expect(milestoneOf(await scene.log(), 'cutover')).toBeUndefined();
    load.kill('SIGCONT');
    expect(await scene.cutOver()).toMatchObject({ alreadyDone: false, verification: { same: true } });
    expect(await load.ended).toMatchObject({ exitCode: 0 });
  });

  it.concurrent('goes on where the source was written to during the cutover, which does not end then', async () => {
    await using scene = await Scene.start(servers.source.uri, servers.target.uri);
    const load = scene.startLoadHere();
    await scene.caughtUp();
    const sessions = scene.source.client.db(scene.database).collection('sessions');
    const write = async (from: number): Promise<void> => {
      const documents = Array.from({ length: 50 }, (_, n) => ({ _id: (from + n) as never, n: from + n }));
      await sessions.insertMany(documents);
    };
    const refused = {
      code: 'CUTOVER_NOT_READY',
      message: expect.stringMatching(/written to after its writes had stopped/),
    };
    await expect(scene.cutOver({ 'restoring indexes': () => write(100) })).rejects.toMatchObject(refused);
    await expect(scene.cutOver({ 'waiting for load to end': () => write(200) })).rejects.toMatchObject(
      refused,
    );
    expect(milestoneOf(await scene.log(), 'cutover')).toBeUndefined();
    expect(await scene.cutOver()).toMatchObject({ alreadyDone: false, verification: { same: true } });
    expect(await load.ended).toMatchObject({ outcome: 'cut-over' });
    const there = scene.target.client.db(scene.database).collection('sessions');
    expect(await there.countDocuments()).toBe(120);
    expect(await there.indexes()).toEqual(
      expect.arrayContaining([expect.objectContaining({ name: 'unique', unique: true })]),
    );
  });
});

await describeWithServer('an owner that comes after one that has not ended', () => {
  it('is certain to be alone only with the same login: the server knows the other by it', async () => {
    await using server = await startServer({ replSet: 'logins', auth: true });
    await using admin = await testClient(server.uri);
    const user = { createUser: 'loader', pwd: 'secret', roles: ['root'] };
    await admin.command('admin', user);
    const loader = `${server.anonymousUri.replace('//', '//loader:secret@')}&authSource=admin`;
    await using stack = new AsyncDisposableStack();
    let epoch = 0;
    const isAlone = async (uri: string): Promise<boolean> => {
      const opened = stack.use(await connectTarget(uri));
      const target = await opened.forLoad({ progressDatabase: 'waybill', maxWriteMs: 60_000 });
      const times = { confirmMs: 50, leaseMs: 100, maxWriteMs: 60_000, workers: 1 };
      const settings = { load: 'main', stream: 'any', bond: 'any', epoch: ++epoch, ...times };
      const { signal } = new AbortController();
      const owner = await Ownership.acquire(settings, { target, logger: silentLogger, signal });
      stack.defer(() => owner.release());
      return owner.isAlone;
    };
    expect(await isAlone(loader)).toBe(true);
    expect(await isAlone(loader)).toBe(true);
    expect(await isAlone(server.uri)).toBe(false);
  });
});
