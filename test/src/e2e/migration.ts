import { cp } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { clusterTime, parseClusterTime } from '@waybill/shared/base/position';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import type { StoreOptions } from '@waybill/shared/bucket/store-options';
import type { MilestoneName } from '@waybill/shared/manifest/commit';
import { loadPrefix, streamPrefix } from '@waybill/shared/manifest/keys';
import { readManifest } from '@waybill/shared/manifest/log';
import { milestoneOf, type StreamState } from '@waybill/shared/manifest/state';
import { awaitUntil } from '../support/await-until.ts';
import { temporaryBucket } from '../support/bucket.ts';
import { compareDeployments } from '../support/compare.ts';
import { testClient } from '../support/raw.ts';
import type { TestServers } from '../support/servers.ts';
import {
  type CommandResult,
  type RunningCommand,
  type RunOptions,
  runWaybill,
  spawnWaybill,
} from '../support/waybill.ts';

/** A bucket that is no folder. */
export interface BucketPlace {
  readonly url: string;
  /** For the commands: `--bucket-endpoint` and the like. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** For the test's own looks. */
  readonly store: StoreOptions;
}

export interface MigrationOptions {
  readonly servers: { readonly [Role in keyof TestServers]: Pick<TestServers[Role], 'uri'> };
  /** Databases compared. */
  readonly databases: readonly string[];
  /** What is captured; default: the databases. */
  readonly include?: readonly string[];
  readonly capture?: readonly string[];
  readonly load?: readonly string[];
  /** Under other names. Default: the databases are compared by their own. */
  readonly compare?: () => Promise<string[]>;
  /** Default: a temporary folder. */
  readonly place?: BucketPlace;
}

type Name = 'capture' | 'load' | 'run' | 'verify' | 'cutover' | 'status' | 'fsck' | 'dead-letters';

/**
 * One stream in its own bucket, and one load of it. The real command drives both, as a user would.
 */
export class Migration implements AsyncDisposable {
  /** The bucket, as `--bucket` takes it; a path where it is a folder. */
  readonly folder: string;
  readonly bucket: Bucket;
  readonly #options: MigrationOptions;
  readonly #running = new Set<RunningCommand>();
  readonly #remove: () => Promise<void>;
  readonly #name: string;

  private constructor(
    options: MigrationOptions,
    folder: string,
    bucket: Bucket,
    name: string,
    remove: () => Promise<void>,
  ) {
    this.#options = options;
    this.folder = folder;
    this.bucket = bucket;
    this.#name = name;
    this.#remove = remove;
  }

  static async create(options: MigrationOptions): Promise<Migration> {
    // The target keeps the progress of earlier tests. A load with its own name doesn't meet it.
    const name = `load-${options.databases[0]}`.slice(0, 60);
    const { place } = options;
    if (place) {
      const bucket = await openBucket(place.url, { store: place.store });
      return new Migration(options, place.url, bucket, name, async () => undefined);
    }
    const folder = await temporaryBucket();
    const bucket = await openBucket(folder.url);
    return new Migration(options, folder.path, bucket, name, async () => folder[Symbol.asyncDispose]());
  }

  args(name: Name, ...more: readonly string[]): string[] {
    const { servers, databases, include = databases, capture = [], load = [], place } = this.#options;
    const source = ['--source', servers.source.uri];
    const target = ['--target', servers.target.uri, '--load', this.#name];
    // Some tests start before there is anything to capture.
    const captured = ['--include', include.join(','), '--allow-empty', ...capture];
    const parts: Record<Name, readonly string[]> = {
      capture: [...source, ...captured],
      load: [...target, ...load],
      run: [...source, ...target, ...captured, ...load],
      verify: [...source, ...target],
      cutover: [...source, ...target, '--yes'],
      status: [...source, ...target],
      fsck: [],
      'dead-letters': target,
    };
    return [name, '--bucket', this.folder, ...(place?.args ?? []), ...parts[name], ...more];
  }

  start(name: Name, ...more: readonly string[]): RunningCommand {
    const { env = {} } = this.#options.place ?? {};
    const command = spawnWaybill(this.args(name, ...more), { env });
    this.#running.add(command);
    void command.ended.then(() => this.#running.delete(command));
    return command;
  }

  run(name: Name, more: readonly string[] = [], options: RunOptions = {}): Promise<CommandResult> {
    const { env } = this.#options.place ?? {};
    return runWaybill(this.args(name, ...more), { ...options, env: { ...env, ...options.env } });
  }

  /** Runs the command, which must succeed, and returns its standard output. */
  async must(name: Name, ...more: readonly string[]): Promise<string> {
    return succeeded(name, await this.run(name, more)).stdout;
  }

  stream(): Promise<StreamState> {
    return readManifest(this.bucket, streamPrefix('default'));
  }

  loadLog(): Promise<StreamState> {
    return readManifest(this.bucket, loadPrefix('default', this.#name));
  }

  /** Waits for a milestone of the stream. It is an error if one of the commands ends first. */
  async reached(milestone: MilestoneName, ...alive: readonly RunningCommand[]): Promise<void> {
    await awaitUntil(`the stream has reached ${milestone}`, async () => {
      for (const command of alive) if (!command.isRunning) throw await endedEarly(command);
      return milestoneOf(await this.stream(), milestone);
    });
  }

  /** Waits until the load has caught up. It is an error if one of the commands ends first. */
  async loadCaughtUp(...alive: readonly RunningCommand[]): Promise<void> {
    await awaitUntil('the load has caught up', async () => {
      for (const command of alive) if (!command.isRunning) throw await endedEarly(command);
      return milestoneOf(await this.loadLog(), 'caught-up');
    });
  }

  /** Starts capture and load, and waits until both have caught up. */
  async startSides(...loadArgs: readonly string[]): Promise<[RunningCommand, RunningCommand]> {
    const capture = this.start('capture');
    await this.reached('snapshot-completed', capture);
    const load = this.start('load', ...loadArgs);
    await this.reached('caught-up', capture, load);
    await this.loadCaughtUp(load);
    return [capture, load];
  }

  /**
   * Waits until everything that the source has acknowledged so far is in the bucket. A capture must
   * be running.
   */
  async captured(): Promise<void> {
    await using client = await testClient(this.#options.servers.source.uri);
    const { operationTime } = await client.command('admin', { ping: 1 });
    const { high, low } = operationTime as { readonly high: number; readonly low: number };
    const now = clusterTime(high >>> 0, low >>> 0);
    await awaitUntil('it is captured', async () => {
      const { position } = await this.stream();
      return position !== null && (parseClusterTime(position.clusterTime) ?? 0n) >= now;
    });
  }

  /**
   * After writes have stopped: starts both sides, cuts over and stops them. Then source and target
   * must be the same in documents and structure, both for the product's verification and for the
   * tests' comparison.
   */
  async finish(): Promise<string[]> {
    const sides = [this.start('capture'), this.start('load')] as const;
    for (const side of sides) await said(side, AT_WORK);
    await this.#cutover(sides);
    // The load ends by itself when it sees its cutover.
    sides[0].kill('SIGTERM');
    for (const side of sides) succeeded('stopping', await side.ended);
    return this.differences();
  }

  async #cutover(sides: readonly RunningCommand[]): Promise<void> {
    const cutover = this.start('cutover');
    // If a side ends by itself, the cutover waits for it in vain.
    const early = sides.map(async (side) => {
      // A load ends well when it sees its cutover, just before the cutover itself.
      if ((await side.ended).exitCode === 0) return cutover.ended;
      throw await endedEarly(side);
    });
    for (const each of early) each.catch(() => undefined);
    succeeded('cutover', await Promise.race([cutover.ended, ...early]));
  }

  differences(): Promise<string[]> {
    const { servers, databases, compare } = this.#options;
    if (compare) return compare();
    return compareDeployments(servers.source.uri, servers.target.uri, { databases });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running].map((command) => command[Symbol.asyncDispose]()));
    await this.bucket.close();
    // For looking into what a failure left.
    const keep = process.env.WAYBILL_TEST_KEEP;
    if (keep && !this.#options.place)
      await cp(this.folder, join(keep, basename(this.folder)), { recursive: true });
    await this.#remove();
  }
}

export function succeeded(what: string, result: CommandResult): CommandResult {
  if (result.exitCode !== 0) throw new Error(`${what} failed: ${ending(result)}`);
  return result;
}

/** What capture and load log when they are past their start. */
export const AT_WORK = /new stream|stream goes on|load taken over/;

/** Waits until a command has logged it. */
export async function said(command: RunningCommand, what: RegExp): Promise<void> {
  await awaitUntil(`it says ${what}`, async () => {
    if (what.test(command.stderr)) return true;
    if (!command.isRunning) throw await endedEarly(command);
    return false;
  });
}

async function endedEarly(command: RunningCommand): Promise<Error> {
  return new Error(`a command ended early: ${ending(await command.ended)}`);
}

/** How it ended, with the last lines that it wrote. */
export function ending({ exitCode, signal, stdout, stderr }: CommandResult): string {
  const tail = `${stdout}${stderr}`.split('\n').slice(-30).join('\n');
  return `${signal ?? `exit code ${exitCode}`}\n${tail}`;
}
