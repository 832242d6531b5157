import type { FetchOptions } from '@waybill/demo/servers/fetch-package';
import type { ServerBinary } from '@waybill/demo/servers/find';
import { startServerProcess } from '@waybill/demo/servers/server-process';
import { afterAll, beforeAll } from 'vitest';
import { describeOrLeaveOut, whyMissing } from '../left-out.ts';
import { type GoProgram, goProgram } from '../stores/go-program.ts';

/**
 * A MongoDB-compatible server that is not MongoDB. The last version with SQLite, so it needs
 * nothing else.
 */
const FERRETDB: GoProgram = {
  program: 'ferretdb',
  module: 'github.com/FerretDB/FerretDB',
  version: 'v1.24.2',
  sum: 'h1:trrUU0LbmusMbyubhPS1IELncvrIwKrsRT2LW1UUWCw=',
  package: './cmd/ferretdb',
  tags: ['ferretdb_no_postgresql'],
  // Its own build takes the version from git. Without this file the program ends at once.
  added: { 'build/version/version.txt': 'v1.24.2\n' },
};

export interface FerretdbServer extends AsyncDisposable {
  readonly uri: string;
  readonly port: number;
}

/** Errors: SERVER_UNAVAILABLE. */
export function findFerretdb(options: FetchOptions): Promise<ServerBinary> {
  return goProgram(FERRETDB, options);
}

let found: Promise<ServerBinary> | undefined;

/** The same, found once in each process. */
export function ferretdbBinary(): Promise<ServerBinary> {
  found ??= findFerretdb({ log: (message) => console.log(`servers: ${message}`) });
  return found;
}

/** With an empty store, which goes away with it. */
export async function startFerretdb(): Promise<FerretdbServer> {
  const server = await startServerProcess({
    binary: await ferretdbBinary(),
    name: 'FerretDB',
    args: (folder, port) => [
      ...['--handler=sqlite', `--sqlite-url=file:${folder}/`, `--state-dir=${folder}`],
      ...[`--listen-addr=127.0.0.1:${port}`, '--debug-addr=-', '--telemetry=disable', '--log-level=ERROR'],
    ],
  });
  return {
    port: server.port,
    uri: `mongodb://127.0.0.1:${server.port}/?directConnection=true`,
    [Symbol.asyncDispose]: async () => {
      await server.kill();
      await server.clear();
    },
  };
}

/**
 * A suite with a FerretDB of its own. Without Go it is left out and says why; in CI (`CI` set) it
 * fails.
 */
export async function describeWithFerretdb(
  name: string,
  suite: (server: () => FerretdbServer) => void,
): Promise<void> {
  describeOrLeaveOut(name, await whyMissing([ferretdbBinary]), () => {
    let server: FerretdbServer | undefined;
    beforeAll(async () => {
      server = await startFerretdb();
    });
    afterAll(() => server?.[Symbol.asyncDispose]());
    suite(() => {
      if (!server) throw new Error('The server is known in hooks and tests, not while tests are collected');
      return server;
    });
  });
}
