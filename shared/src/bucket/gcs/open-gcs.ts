/** `gs://bucket/prefix`, with credentials as Google's own tools find them. */
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { Storage } from '@google-cloud/storage';
import { PassThroughClient } from 'google-auth-library';
import type { Bucket } from '../bucket.ts';
import { parseEndpoint, trustedAuthorities } from '../endpoint.ts';
import type { OpenBucketOptions } from '../store-options.ts';
import { DEFAULT_TIMEOUT_MS, type StoreOptions } from '../store-options.ts';
import { parseStoreUrl } from '../store-url.ts';
import { GcsClient } from './client.ts';
import { GcsBucket } from './gcs.ts';

/** Above what the limiter lets through, because a body that is being read holds its connection. */
const MOST_SOCKETS = 256;

/** @throws BUCKET_URL_INVALID, CONFIG_INVALID (the endpoint), CONFIG_UNREADABLE (the CA file) */
export async function openGcs(url: string, { store = {} }: OpenBucketOptions): Promise<Bucket> {
  const parsed = parseStoreUrl(url, 'gs');
  const endpoint = endpointOf(store);
  const { http, https } = agents(store);
  const agent = (at: URL): HttpAgent => (at.protocol === 'http:' ? http : https);
  const transporterOptions = { agent };
  const storage = new Storage({
    // Nothing here needs one, and without it the SDK asks two services for the name of the
    // account's.
    projectId: 'none',
    ...(endpoint && { apiEndpoint: endpoint.url }),
    // An emulator asks for no credentials, and none are looked for.
    ...(endpoint?.isEmulator ? { authClient: new PassThroughClient({ transporterOptions }) } : {}),
    clientOptions: { transporterOptions },
  });
  const { kmsKey, storageClass, userProject, timeoutMs = DEFAULT_TIMEOUT_MS } = store;
  const { bucket, prefix } = parsed;
  return new GcsBucket({
    url: parsed.url,
    place: { bucket, prefix, endpoint: storage.apiEndpoint, kmsKey, storageClass },
    client: new GcsClient({ storage, agent, userProject, timeoutMs }),
    onClose: () => {
      http.destroy();
      https.destroy();
    },
  });
}

interface Endpoint {
  readonly url: string;
  readonly isEmulator: boolean;
}

/**
 * Google's own where nothing says otherwise. What is named by STORAGE_EMULATOR_HOST, is on this
 * machine, or speaks without TLS, is an emulator: no token is ever sent there. Any other is
 * Google's service under another name.
 */
function endpointOf({ endpoint }: StoreOptions): Endpoint | undefined {
  const emulator = process.env.STORAGE_EMULATOR_HOST || undefined;
  const given = endpoint ?? (emulator?.includes('://') === false ? `http://${emulator}` : emulator);
  if (given === undefined) return undefined;
  const url = parseEndpoint(given);
  const isLocal = /^(localhost|127\.[\d.]+|\[::1\])$/.test(url.hostname);
  const isEmulator = endpoint === undefined || url.protocol === 'http:' || isLocal;
  return { url: url.href.replace(/\/+$/, ''), isEmulator };
}

/**
 * Connections are kept: an idle follower asks every few seconds. Proxies as the environment says,
 * for tokens too.
 */
function agents({ caFile }: StoreOptions): { readonly http: HttpAgent; readonly https: HttpsAgent } {
  const common = { keepAlive: true, maxSockets: MOST_SOCKETS, proxyEnv: process.env };
  const ca = caFile === undefined ? undefined : trustedAuthorities(caFile);
  return { http: new HttpAgent(common), https: new HttpsAgent({ ...common, ...(ca && { ca }) }) };
}
