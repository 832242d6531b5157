import { startServerProcess } from '@waybill/demo/servers/server-process';
import { storeBinary } from './programs.ts';
import { newBucketName } from './s3-server.ts';

export interface GcsServer extends AsyncDisposable {
  /** Without a path. */
  readonly endpoint: string;
  readonly port: number;
  /** What the client library reads for an emulator: it then sends no credentials. */
  readonly env: Readonly<Record<string, string>>;
  /** Default: a name that no other test uses. Returns it. */
  createBucket(name?: string): Promise<string>;
  /** Kills it as a crash would. Its objects are in memory and go with it. */
  kill(): Promise<void>;
  /** Idempotent. */
  stop(): Promise<void>;
}

/**
 * Starts fake-gcs-server on the loopback interface, its objects in memory: on a file system it
 * opens an object's content after its metadata, so a reader of an object that is being replaced
 * could see half of each. It keeps generation preconditions on uploads of every kind, and takes a
 * query for the state of a resumable upload for the upload's end: see gcs-resume.ts.
 * Errors: SERVER_UNAVAILABLE.
 */
export async function startGcsServer(): Promise<GcsServer> {
  const server = await startServerProcess({
    binary: await storeBinary('gcs'),
    name: 'fake-gcs-server',
    args: (_folder, port) => [
      ...['-scheme', 'http', '-host', '127.0.0.1', '-port', String(port), '-backend', 'memory'],
      ...['-public-host', `127.0.0.1:${port}`, '-data', '', '-log-level', 'error'],
    ],
  });
  const endpoint = `http://127.0.0.1:${server.port}`;
  const stop = async (): Promise<void> => {
    await server.kill();
    await server.clear();
  };
  return {
    endpoint,
    port: server.port,
    env: { STORAGE_EMULATOR_HOST: endpoint },
    createBucket: async (name = newBucketName()) => {
      const response = await fetch(`${endpoint}/storage/v1/b?project=test`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ name }),
      });
      if (!response.ok) throw new Error(`fake-gcs-server answered ${response.status} to a new bucket`);
      await response.arrayBuffer();
      return name;
    },
    kill: server.kill,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
