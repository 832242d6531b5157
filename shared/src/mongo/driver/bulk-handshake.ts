/**
 * Runs the driver's own handshake over a socket of ours. Like raw-command.ts, this depends on the
 * inside of the pinned driver. There is no bulk connection if that inside is not as expected, or if
 * the connection is of a kind that we do not handle (a SOCKS proxy, a load balancer). The driver's
 * own connection then does the work.
 */
import { createRequire } from 'node:module';
import { isIP } from 'node:net';
import type { MongoClient, ReadPreferenceMode, TopologyDescription } from 'mongodb';
import { BulkSocket } from './bulk-socket.ts';
import type { Driver } from './driver.ts';

interface ConnectModule {
  makeConnection(options: PoolOptions, socket: object): DriverConnection;
  performInitialHandshake(connection: DriverConnection, options: PoolOptions): Promise<void>;
  readonly LEGAL_TCP_SOCKET_OPTIONS: readonly string[];
  readonly LEGAL_TLS_SOCKET_OPTIONS: readonly string[];
}

interface DriverConnection {
  readonly hasSessionSupport?: boolean;
}

type PoolOptions = Readonly<Record<string, unknown>> & {
  readonly hostAddress: { readonly host?: string; readonly port?: number; readonly socketPath?: string };
};

interface Internals {
  readonly topology?: {
    readonly description?: TopologyDescription;
    readonly s?: {
      readonly servers?: ReadonlyMap<string, { readonly pool?: { readonly options?: PoolOptions } }>;
    };
  };
  readonly s?: { readonly authProviders?: unknown };
}

export interface ReadySocket {
  readonly socket: BulkSocket;
  readonly knowsSessions: boolean;
}

const DEFAULT_CONNECT_TIMEOUT_MS = 30_000;

/**
 * A socket to a server that the read preference allows, past the handshake; null if this driver or
 * this connection cannot have one. Rejects with the driver's errors.
 */
export async function openBulkSocket(
  driver: Driver,
  client: MongoClient,
  mode: ReadPreferenceMode,
): Promise<ReadySocket | null> {
  const internals = client as unknown as Internals;
  const connectModule = driver.generation === 'current' ? loadConnect() : null;
  const authProviders = internals.s?.authProviders;
  const pool = poolOptions(internals, mode);
  if (!connectModule || !authProviders || !pool) return null;
  const socket = await BulkSocket.open({
    target: socketTarget(connectModule, pool),
    tls: pool.tls === true,
    connectTimeoutMs: number(pool.connectTimeoutMS) ?? DEFAULT_CONNECT_TIMEOUT_MS,
    socketTimeoutMs: number(pool.socketTimeoutMS) ?? 0,
  }).catch((error: Error) => {
    // The driver throws the same. It counts as transient, so a reader looks for a server again.
    throw new driver.module.MongoNetworkError(error.message, { cause: error });
  });
  try {
    const options = {
      ...pool,
      id: -1,
      generation: 0,
      authProviders,
      metadata: (client.options as { readonly metadata?: unknown }).metadata,
    };
    const connection = connectModule.makeConnection(options, socket.duplex);
    await connectModule.performInitialHandshake(connection, options);
    socket.begin();
    return { socket, knowsSessions: connection.hasSessionSupport === true };
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/**
 * The options of a server that is there now. If none fits, the driver's own cursor waits for one.
 */
function poolOptions({ topology }: Internals, mode: ReadPreferenceMode): PoolOptions | null {
  const address = topology?.description && serverAddress(topology.description, mode);
  const pool = address === undefined ? undefined : topology?.s?.servers?.get(address)?.pool?.options;
  if (!pool?.hostAddress || pool.proxyHost !== undefined || pool.loadBalanced === true) return null;
  return pool;
}

function serverAddress({ type, servers }: TopologyDescription, mode: ReadPreferenceMode): string | undefined {
  const first = (wanted: string): string | undefined =>
    [...servers.values()].find((server) => server.type === wanted)?.address;
  if (type === 'Single') return [...servers.keys()][0];
  if (type === 'Sharded') return first('Mongos');
  return mode === 'primary' ? first('RSPrimary') : (first('RSSecondary') ?? first('RSPrimary'));
}

/** Null if the driver is not the one that this was written for. */
function loadConnect(): ConnectModule | null {
  const require = createRequire(import.meta.url);
  const module = require('mongodb/lib/cmap/connect.js') as Partial<ConnectModule>;
  const isKnown =
    typeof module.makeConnection === 'function' &&
    typeof module.performInitialHandshake === 'function' &&
    Array.isArray(module.LEGAL_TCP_SOCKET_OPTIONS) &&
    Array.isArray(module.LEGAL_TLS_SOCKET_OPTIONS);
  return isKnown ? (module as ConnectModule) : null;
}

/** What the driver itself would pass to net.connect or tls.connect. */
function socketTarget(connectModule: ConnectModule, pool: PoolOptions): Record<string, unknown> {
  const { host, port, socketPath } = pool.hostAddress;
  const names = [
    ...connectModule.LEGAL_TCP_SOCKET_OPTIONS,
    ...(pool.tls === true ? connectModule.LEGAL_TLS_SOCKET_OPTIONS : []),
  ];
  const target: Record<string, unknown> = socketPath === undefined ? { host, port } : { path: socketPath };
  for (const name of names) if (pool[name] !== undefined && pool[name] !== null) target[name] = pool[name];
  if (pool.tls === true && target.servername === undefined && host !== undefined && isIP(host) === 0) {
    target.servername = host;
  }
  return target;
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
