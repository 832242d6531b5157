import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findMongod, findMongoTools, type ServerBinary } from '@waybill/demo/servers/find';
import { type RunningServer, startMongod } from '@waybill/demo/servers/start';
import { connect } from '@waybill/shared/mongo/driver/connect';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import type { Measure } from '../report/measure.ts';

/**
 * The setting of every measure: a source and a target of the same version on this machine, and a
 * folder.
 */
export interface Bench extends AsyncDisposable {
  readonly source: RunningServer;
  readonly target: RunningServer;
  readonly sourceConnection: MongoConnection;
  readonly targetConnection: MongoConnection;
  readonly mongodump: ServerBinary;
  readonly mongorestore: ServerBinary;
  readonly folder: string;
  readonly documents: number;
  readonly collections: number;
  readonly rounds: number;
  log(line: string): void;
}

export type MeasureFunction = (bench: Bench) => Promise<readonly Measure[]>;

export interface BenchOptions {
  readonly documents: number;
  readonly collections: number;
  readonly rounds: number;
  log(line: string): void;
}

const CACHE_GB = 2;
/** The oplog must hold the whole data set and all changes that the measures make. */
const OPLOG_MB = 16_000;

export async function openBench(options: BenchOptions): Promise<Bench> {
  const fetchOptions = { log: options.log };
  const binary = await findMongod(fetchOptions);
  const { mongodump, mongorestore } = await findMongoTools(fetchOptions);
  const folder = await mkdtemp(join(tmpdir(), 'waybill-bench-'));
  const server = (replSet: string): Promise<RunningServer> =>
    startMongod({ binary, replSet, cacheGb: CACHE_GB, oplogMb: OPLOG_MB });
  const source = await server('source');
  const target = await server('target');
  const sourceConnection = await connect(source.uri, { role: 'source' });
  const targetConnection = await connect(target.uri, { role: 'target' });
  return {
    ...options,
    source,
    target,
    sourceConnection,
    targetConnection,
    mongodump,
    mongorestore,
    folder,
    async [Symbol.asyncDispose]() {
      await sourceConnection.close();
      await targetConnection.close();
      await source.stop();
      await target.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Makes the empty folder `name` below the bench's folder. */
export async function freshFolder(bench: Bench, name: string): Promise<string> {
  const path = join(bench.folder, name);
  await rm(path, { recursive: true, force: true });
  return path;
}

export function toolCommand(
  tool: ServerBinary,
  args: readonly string[],
): readonly [string, readonly string[]] {
  return [tool.command, [...tool.leadingArgs, ...args]];
}
