/** What a command opens before its work and closes after it: bucket, connections, metrics. */

import type { Target } from '@waybill/load/target/target';
import { hasCode } from '@waybill/shared/base/errors';
import { createMetrics, type Metrics } from '@waybill/shared/base/metrics';
import type { RunStats } from '@waybill/shared/base/stats';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import { assertReachable, probeBucket } from '@waybill/shared/bucket/open/probe';
import type { StoreOptions } from '@waybill/shared/bucket/store-options';
import { type ConnectOptions, connect } from '@waybill/shared/mongo/driver/connect';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import type { Options } from '../options/options.ts';
import { required } from '../options/resolve.ts';
import type { CommandContext } from './command.ts';

/** Closes everything that it opened when it is disposed, in reverse order. */
export class Services implements AsyncDisposable {
  readonly metrics: Metrics = createMetrics();
  readonly #context: CommandContext;
  readonly #stack = new AsyncDisposableStack();

  constructor(context: CommandContext) {
    this.#context = context;
  }

  /** For a command that only reads. */
  async bucket(): Promise<Bucket> {
    const bucket = await this.#open();
    await assertReachable(bucket, this.#context);
    return bucket;
  }

  async #open(): Promise<Bucket> {
    const { options, signal } = this.#context;
    const bucket = await openBucket(required(options, 'bucket'), { signal, store: storeOptions(options) });
    this.#stack.defer(() => bucket.close());
    return bucket;
  }

  /**
   * Checks, before anything is read from the source, that the bucket can be written and supports
   * fencing.
   */
  async writableBucket(): Promise<Bucket> {
    const { options, logger, signal } = this.#context;
    const bucket = await this.#open();
    const unsafeSingleWriter = options.unsafeSingleWriter;
    const { unfenced } = await probeBucket(bucket, { signal, unsafeSingleWriter });
    if (unfenced !== undefined) {
      logger.warn('fencing is off: two processes on one stream are not told apart', { lacks: unfenced });
    }
    return bucket;
  }

  async source(more: Pick<ConnectOptions, 'serverSelectionTimeoutMs'> = {}): Promise<MongoConnection> {
    const { options, signal } = this.#context;
    const uri = required(options, 'source').reveal();
    const connection = await connect(uri, { role: 'source', signal, ...more });
    this.#stack.use(connection);
    return connection;
  }

  async target(more: Pick<ConnectOptions, 'serverSelectionTimeoutMs'> = {}): Promise<Target> {
    const { options, logger, signal } = this.#context;
    const { connectTarget } = await import('@waybill/load/target/open/open-target');
    const uri = required(options, 'target').reveal();
    const kind = options.targetKind ?? null;
    const opened = await connectTarget(uri, { kind, logger, signal, ...more });
    this.#stack.use(opened.connection);
    return opened.target;
  }

  /** Does nothing without --metrics-port. Ready means that every run is past its start. */
  async serveMetrics(...runs: readonly RunStats[]): Promise<void> {
    const { options, logger } = this.#context;
    const port = options.metricsPort;
    if (port === undefined) return;
    const { startMetricsServer } = await import('../metrics/metrics-server.ts');
    const server = await startMetricsServer({
      metrics: this.metrics,
      port,
      host: options.metricsHost,
      isReady: () => runs.every((stats) => stats.phase !== 'starting'),
    });
    this.#stack.use(server);
    logger.info('serving metrics', { host: options.metricsHost, port: server.port });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

function storeOptions(options: Options): StoreOptions {
  return {
    endpoint: options.bucketEndpoint,
    region: options.bucketRegion,
    pathStyle: options.bucketPathStyle,
    kmsKey: options.bucketKmsKey,
    storageClass: options.bucketStorageClass,
    userProject: options.bucketUserProject,
    caFile: options.bucketCaFile,
    timeoutMs: options.bucketTimeout,
    unsafeSingleWriter: options.unsafeSingleWriter,
  };
}

/** Waits for the work. A stop by our own signal (INTERRUPTED) is no error. */
export async function untilStopped(signal: AbortSignal, work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(signal.aborted && hasCode(error, 'INTERRUPTED'))) throw error;
  }
}
