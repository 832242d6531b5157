import { FaultProxy, type FaultProxyOptions } from './fault-proxy.ts';
import { startGcsServer } from './gcs-server.ts';
import { startS3Server } from './s3-server.ts';

export type CloudKind = 's3' | 'gcs';

/** A store of either kind, for suites that test both. */
export interface TestStore extends AsyncDisposable {
  readonly kind: CloudKind;
  readonly endpoint: string;
  /** For commands started as processes. */
  readonly env: Readonly<Record<string, string>>;
  /** The URL of a prefix in a bucket that no other test uses. */
  newBucket(): Promise<string>;
  proxy(options: Omit<FaultProxyOptions, 'upstream' | 'protocol'>): Promise<FaultProxy>;
}

/**
 * Starts it, and sets its credentials in this process's environment, where the SDK's default chain
 * looks.
 */
export async function startTestStore(kind: CloudKind): Promise<TestStore> {
  const server = kind === 's3' ? await startS3Server() : await startGcsServer();
  const env = kind === 's3' ? server.env : {};
  Object.assign(process.env, env);
  const { endpoint } = server;
  return {
    kind,
    endpoint,
    env,
    newBucket: async () => `${kind === 's3' ? 's3' : 'gs'}://${await server.createBucket()}/some/prefix`,
    proxy: (options) => FaultProxy.start({ ...options, upstream: endpoint, protocol: kind }),
    [Symbol.asyncDispose]: () => server.stop(),
  };
}
