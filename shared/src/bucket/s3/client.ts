/**
 * The SDK's client, set up: where to, whom to trust, how long to wait. Retries and credentials are
 * the SDK's own.
 */
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { S3Client } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { hasSubdomains, parseEndpoint, trustedAuthorities } from '../endpoint.ts';
import { DEFAULT_TIMEOUT_MS, type StoreOptions } from '../store-options.ts';

const CONNECT_TIMEOUT_MS = 10_000;
/** Above what the limiter lets through, because a body that is being read holds its connection. */
const MOST_SOCKETS = 256;
/** Of one request, the first included. */
const MOST_ATTEMPTS = 5;
/** What most stores that are not AWS take without looking. */
const FALLBACK_REGION = 'us-east-1';

/** @throws CONFIG_INVALID, CONFIG_UNREADABLE */
export function createClient(store: StoreOptions): S3Client {
  const endpoint = store.endpoint === undefined ? undefined : parseEndpoint(store.endpoint);
  const ca = store.caFile === undefined ? undefined : trustedAuthorities(store.caFile);
  const agent = { keepAlive: true, maxSockets: MOST_SOCKETS };
  return new S3Client({
    region: store.region ?? once(regionOfEnvironment),
    ...(endpoint && { endpoint: endpoint.href }),
    forcePathStyle: store.pathStyle || (endpoint !== undefined && !hasSubdomains(endpoint)),
    retryMode: 'standard',
    maxAttempts: MOST_ATTEMPTS,
    // Each put brings a checksum of its own (checksum.ts). The SDK's would go as a trailer or under
    // a header that older stores refuse; and what is read is checked against the manifest's
    // SHA-256, which covers more.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: new NodeHttpHandler({
      connectionTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: store.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      // Agents, not their options: of those the SDK makes others now and then, and forgets some.
      httpAgent: new HttpAgent(agent),
      httpsAgent: new HttpsAgent({ ...agent, ...(ca && { ca }) }),
    }),
    // It would cost each part a round trip.
    expectContinueHeader: false,
    customUserAgent: 'waybill',
  });
}

/**
 * The SDK asks for the region at every request and keeps nothing; finding it costs more than the
 * request.
 */
function once(find: () => Promise<string>): () => Promise<string> {
  let found: Promise<string> | undefined;
  return () => {
    found ??= find();
    return found;
  };
}

/**
 * AWS_REGION or the profile's, as the SDK finds it; where it finds none, the one that others than
 * AWS do not mind.
 */
async function regionOfEnvironment(): Promise<string> {
  const client = new S3Client({});
  try {
    return await client.config.region();
  } catch {
    return FALLBACK_REGION;
  } finally {
    client.destroy();
  }
}
