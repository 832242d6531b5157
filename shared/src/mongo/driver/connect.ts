/** Opens a connection, with the driver that fits the server's age. */
import type { MongoClient, MongoClientOptions } from 'mongodb';
import { WaybillError } from '../../base/errors.ts';
import { abortable, throwIfAborted } from '../../base/lifecycle.ts';
import type { Attempted } from './classify.ts';
import { connectError, Heard } from './connect-error.ts';
import type { MongoConnection, Role } from './connection.ts';
import { type Driver, loadDriver } from './driver.ts';
import { DriverConnection } from './driver-connection.ts';
import { hostsOf, parseClient } from './uri.ts';

export interface ConnectOptions {
  readonly role: Role;
  readonly signal?: AbortSignal | undefined;
  /** Shown in the server's log and currentOp. Default `waybill`. */
  readonly appName?: string | undefined;
  /** How long to look for a usable server, in milliseconds. Default 10,000. */
  readonly serverSelectionTimeoutMs?: number | undefined;
  /**
   * How many milliseconds a server may be silent in the middle of a command before it is given up.
   * Default 300,000.
   */
  readonly socketTimeoutMs?: number | undefined;
  /** The most connections to one server. Default: the driver's. */
  readonly maxPoolSize?: number | undefined;
}

const DEFAULT_SELECTION_MS = 10_000;
const DEFAULT_SOCKET_TIMEOUT_MS = 300_000;

/**
 * Opens a connection and asks the server what it is. Errors: MONGO_URI_INVALID, MONGO_UNREACHABLE,
 * MONGO_AUTHENTICATION, MONGO_NOT_PRIMARY, or the signal's reason.
 */
export async function connect(uri: string, options: ConnectOptions): Promise<MongoConnection> {
  throwIfAborted(options.signal);
  const current = await loadDriver('current');
  const opened = await open(current, uri, options);
  if (opened !== TOO_OLD) return opened;
  const reopened = await open(await loadDriver('old'), uri, options);
  if (reopened !== TOO_OLD) return reopened;
  const code = options.role === 'source' ? 'SOURCE_UNSUPPORTED' : 'TARGET_UNSUPPORTED';
  throw new WaybillError(code, `the server at ${hostsOf(uri)} is older than MongoDB 4.0`, {
    hint: 'Upgrade it to 4.0 or later first.',
  });
}

const TOO_OLD = Symbol('server too old for this driver');

async function open(
  driver: Driver,
  uri: string,
  options: ConnectOptions,
): Promise<DriverConnection | typeof TOO_OLD> {
  const settings = clientOptions(uri, options);
  const attempted: Attempted = { url: hostsOf(uri), role: options.role };
  const client = parseClient(driver, uri, { ...settings, role: options.role });
  const heard = new Heard(client);
  try {
    const tooOld = noticeTooOld(client);
    const outcome = await abortable(Promise.race([client.connect(), tooOld]), options.signal);
    if (outcome === TOO_OLD) {
      await client.close();
      return TOO_OLD;
    }
    const connection = new DriverConnection(driver, client, uri, settings, attempted);
    await connection.identify(options.signal);
    return connection;
  } catch (error) {
    // Not awaited: an abort must not wait for sockets. If closing fails, that does not matter.
    void client.close().catch(() => undefined);
    throw connectError(error, attempted, heard, client.options.replicaSet);
  }
}

/** By itself, the driver would look for another server until the selection times out. */
function noticeTooOld(client: MongoClient): Promise<typeof TOO_OLD> {
  return new Promise((resolve) => {
    // Without a listener an 'error' event ends the process.
    client.on('error', () => undefined);
    client.on('serverHeartbeatFailed', ({ failure }) => {
      if (failure.name === 'MongoCompatibilityError' && /wire version/.test(failure.message))
        resolve(TOO_OLD);
    });
  });
}

function clientOptions(uri: string, options: ConnectOptions): MongoClientOptions {
  const inUri = (name: string): boolean => new RegExp(`[?&]${name}=`, 'i').test(uri);
  const selectionMs = options.serverSelectionTimeoutMs ?? DEFAULT_SELECTION_MS;
  const settings: MongoClientOptions = {};
  // The user's connection string wins over our defaults.
  if (!inUri('appName')) settings.appName = options.appName ?? 'waybill';
  if (!inUri('serverSelectionTimeoutMS')) settings.serverSelectionTimeoutMS = selectionMs;
  if (!inUri('connectTimeoutMS')) settings.connectTimeoutMS = selectionMs;
  if (!inUri('socketTimeoutMS'))
    settings.socketTimeoutMS = options.socketTimeoutMs ?? DEFAULT_SOCKET_TIMEOUT_MS;
  if (options.maxPoolSize !== undefined && !inUri('maxPoolSize')) settings.maxPoolSize = options.maxPoolSize;
  return settings;
}
