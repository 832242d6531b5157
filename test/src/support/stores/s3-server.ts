import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CreateBucketCommand, ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import { type ServerProcess, startServerProcess } from '@waybill/demo/servers/server-process';
import { awaitUntil } from '../await-until.ts';
import { storeBinary } from './programs.ts';

export interface S3Options {
  /** false: a server that does not know `If-None-Match` on writes. Default true. */
  readonly conditions?: boolean;
  /** Default: a free one. With the same port and `folder`, a killed server comes back as it was. */
  readonly port?: number;
  /** Where the objects are. Default: a temporary folder that goes away with the server. */
  readonly folder?: string;
}

export interface S3Server extends AsyncDisposable {
  readonly endpoint: string;
  readonly port: number;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** What the SDK's default chain reads: credentials and region, and nothing of this machine. */
  readonly env: Readonly<Record<string, string>>;
  /** Looks at the store without the code under test. Tries once. */
  readonly client: S3Client;
  /** Default: a name that no other test uses. Returns it. */
  createBucket(name?: string): Promise<string>;
  /** Kills it as a crash would; its files stay until `stop`. */
  kill(): Promise<void>;
  /** Ends it and removes its temporary folder. Idempotent. */
  stop(): Promise<void>;
}

const REGION = 'us-east-1';
/** Words that a test can find in any output. */
const ACCESS_KEY_ID = 'PLANTEDACCESSKEY01';
const SECRET_ACCESS_KEY = 'planted-secret-access-key-0001';

let buckets = 0;

export function newBucketName(): string {
  buckets += 1;
  return `waybill-${process.pid.toString(36)}-${buckets}`;
}

/** Starts an S3 server on the loopback interface. Errors: SERVER_UNAVAILABLE. */
export async function startS3Server(options: S3Options = {}): Promise<S3Server> {
  const { conditions = true, port, folder } = options;
  const server = await startServerProcess({
    binary: await storeBinary(conditions ? 's3' : 's3-without-conditions'),
    name: conditions ? 'versitygw' : 'MinIO',
    port,
    args: async (temporary, chosen) => {
      const data = folder ?? join(temporary, 'objects');
      await mkdir(data, { recursive: true });
      const address = `127.0.0.1:${chosen}`;
      return conditions
        ? ['--port', address, '--region', REGION, '--keep-alive', '--quiet', 'posix', data]
        : ['server', '--quiet', '--address', address, '--console-address', '127.0.0.1:0', data];
    },
    env: conditions
      ? { ROOT_ACCESS_KEY: ACCESS_KEY_ID, ROOT_SECRET_KEY: SECRET_ACCESS_KEY }
      : { MINIO_ROOT_USER: ACCESS_KEY_ID, MINIO_ROOT_PASSWORD: SECRET_ACCESS_KEY, MINIO_BROWSER: 'off' },
  });
  const running = runningS3(server);
  // MinIO accepts connections before it knows its disk.
  const answers = (): Promise<boolean> =>
    running.client.send(new ListBucketsCommand({})).then(
      () => true,
      () => false,
    );
  try {
    await awaitUntil('the S3 server answers', answers);
  } catch (error) {
    await running.stop();
    throw error;
  }
  return running;
}

function runningS3(server: ServerProcess): S3Server {
  const endpoint = `http://127.0.0.1:${server.port}`;
  const credentials = { accessKeyId: ACCESS_KEY_ID, secretAccessKey: SECRET_ACCESS_KEY };
  const client = new S3Client({
    endpoint,
    region: REGION,
    forcePathStyle: true,
    maxAttempts: 1,
    credentials,
  });
  const stop = async (): Promise<void> => {
    client.destroy();
    await server.kill();
    await server.clear();
  };
  return {
    endpoint,
    port: server.port,
    region: REGION,
    ...credentials,
    env: {
      AWS_ACCESS_KEY_ID: ACCESS_KEY_ID,
      AWS_SECRET_ACCESS_KEY: SECRET_ACCESS_KEY,
      AWS_REGION: REGION,
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    },
    client,
    createBucket: async (name = newBucketName()) => {
      await client.send(new CreateBucketCommand({ Bucket: name }));
      return name;
    },
    kill: server.kill,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
