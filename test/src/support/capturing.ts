import { type CaptureResult, runCapture } from '@waybill/capture/capture';
import { CAPTURE_DEFAULTS, type CaptureSettings } from '@waybill/capture/start/settings';
import { createLogger, type Logger } from '@waybill/shared/base/logger';
import { createMetrics } from '@waybill/shared/base/metrics';
import { type CaptureStats, createCaptureStats } from '@waybill/shared/base/stats';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import type { Milestone } from '@waybill/shared/manifest/commit';
import { readManifest } from '@waybill/shared/manifest/log';
import { milestoneOf } from '@waybill/shared/manifest/state';
import { connect } from '@waybill/shared/mongo/driver/connect';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import type { Db } from 'mongodb-4-0';
import { awaitUntil } from './await-until.ts';
import { replayStream } from './replay.ts';

export interface RunningCapture {
  readonly stats: CaptureStats;
  readonly ended: Promise<CaptureResult>;
  stop(): Promise<CaptureResult>;
}

/** `WAYBILL_TEST_LOG=debug` shows what captures do. */
const level = (process.env.WAYBILL_TEST_LOG ?? 'silent') as 'silent';
const ownLogger: Logger = createLogger({ level });

/** A capture in this process. Its commits are small, so little data makes many. */
export function startCapture(
  source: MongoConnection,
  bucket: Bucket,
  settings: Partial<CaptureSettings>,
  logger: Logger = ownLogger,
): RunningCapture {
  const controller = new AbortController();
  const stats = createCaptureStats();
  const ended = runCapture(
    {
      ...CAPTURE_DEFAULTS,
      commitInterval: 50,
      maxAwaitMs: 100,
      allowEmpty: true,
      newStream: true,
      // A capture that a test calls killed lives on in this process.
      takeOver: true,
      ...settings,
    },
    { source, bucket, logger, metrics: createMetrics(), stats, signal: controller.signal },
  );
  // Whoever waits for the end sees a failure. Until then it must not end the process.
  ended.catch(() => undefined);
  return {
    stats,
    ended,
    stop: () => {
      controller.abort();
      return ended;
    },
  };
}

export function connectSource(uri: string): Promise<MongoConnection> {
  return connect(uri, { role: 'source' });
}

/**
 * The source, with `then` called before each reading of its clock. A capture reads it to prove how
 * far it is.
 */
export function atClockReadings(source: MongoConnection, then: () => Promise<void>): MongoConnection {
  return beforeCommands(source, (command) => (command.find === 'clock' ? then() : undefined));
}

/** The connection, with `then` called before each command. */
export function beforeCommands(
  connection: MongoConnection,
  then: (command: Readonly<Record<string, unknown>>) => Promise<void> | undefined,
): MongoConnection {
  return {
    role: connection.role,
    url: connection.url,
    server: connection.server,
    command: async (database, command, options) => {
      await then(command);
      return connection.command(database, command, options);
    },
    startSession: (options) => connection.startSession(options),
    close: () => connection.close(),
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}

/** Waits until the stream `default` has caught up. */
export function caughtUp(bucket: Bucket): Promise<Milestone> {
  return awaitUntil('it has caught up', async () =>
    milestoneOf(await readManifest(bucket, 'default'), 'caught-up'),
  );
}

/** A write that is unlike all others: once it is in the stream, so is everything before it. */
export async function mark(db: Db, bucket: Bucket): Promise<void> {
  const { insertedId } = await db.collection('marks').insertOne({ at: Date.now() });
  const bytes = Buffer.from(insertedId.id);
  await awaitUntil('the mark is in the stream', async () => {
    const { changes } = await replayStream(bucket, 'default');
    return changes.some(({ documentKey }) => Buffer.from(documentKey).includes(bytes));
  });
}
