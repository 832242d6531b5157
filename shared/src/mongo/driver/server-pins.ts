/**
 * Decides which client a session uses. A cursor lives on one server. The driver finds the primary
 * of a replica set again by itself. Behind several mongos, or on one of several secondaries, a
 * getMore could reach another server. So there a session gets a direct client to one server. Each
 * server gets one such client, which is made when first needed and closed with the connection.
 *
 * Rejected: pinning a driver session (it works only inside transactions, and only for mongos).
 */
import type { MongoClient, MongoClientOptions, TopologyDescription } from 'mongodb';
import type { ReadPreference } from './connection.ts';
import type { Driver } from './driver.ts';
import { parseClient, uriParts } from './uri.ts';

export class ServerPins {
  readonly #driver: Driver;
  readonly #client: MongoClient;
  readonly #uri: string;
  readonly #settings: MongoClientOptions;
  readonly #direct = new Map<string, Promise<MongoClient>>();
  #turn = 0;

  constructor(driver: Driver, client: MongoClient, uri: string, settings: MongoClientOptions) {
    this.#driver = driver;
    this.#client = client;
    this.#uri = uri;
    this.#settings = settings;
  }

  async clientFor(readPreference: ReadPreference): Promise<MongoClient> {
    const addresses = candidates(topologyOf(this.#client), readPreference);
    if (addresses.length < 2) return this.#client;
    const address = addresses[this.#turn++ % addresses.length]!;
    const known = this.#direct.get(address);
    if (known) return known;
    const connecting = this.#connect(address);
    this.#direct.set(address, connecting);
    // The next session tries a server again that could not be reached.
    connecting.catch(() => this.#direct.delete(address));
    return connecting;
  }

  async close(): Promise<void> {
    const clients = await Promise.allSettled(this.#direct.values());
    this.#direct.clear();
    await Promise.allSettled(
      clients.map((client) => (client.status === 'fulfilled' ? client.value.close() : undefined)),
    );
  }

  async #connect(address: string): Promise<MongoClient> {
    const options = this.#client.options;
    const client = parseClient(this.#driver, directUri(this.#uri, address), {
      ...this.#settings,
      directConnection: true,
      // A +srv string implies these; a plain one to a single host has to state them.
      tls: options.tls,
      ...(options.credentials?.source && { authSource: options.credentials.source }),
    });
    client.on('error', () => undefined);
    return client.connect();
  }
}

/** The connection string with one host, and without the options that concern several. */
export function directUri(uri: string, address: string): string {
  const parts = uriParts(uri);
  const [path = '', query = ''] = splitOnce(parts?.rest ?? '', '?');
  const kept = query
    .split('&')
    .filter(
      (pair) => pair !== '' && !/^(srv[a-z]*|replicaSet|directConnection|authSource|tls|ssl)=/i.test(pair),
    );
  const credentials = parts?.credentials ? `${parts.credentials}@` : '';
  return `mongodb://${credentials}${address}${path || '/'}${kept.length > 0 ? `?${kept.join('&')}` : ''}`;
}

function splitOnce(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function topologyOf(client: MongoClient): TopologyDescription | undefined {
  return (client as unknown as { topology?: { description?: TopologyDescription } }).topology?.description;
}

/** The addresses to choose from. With fewer than two there is nothing to pin. */
function candidates(topology: TopologyDescription | undefined, readPreference: ReadPreference): string[] {
  if (!topology) return [];
  const of = (type: string): string[] =>
    [...topology.servers.values()].filter((server) => server.type === type).map((server) => server.address);
  if (topology.type === 'Sharded') return of('Mongos');
  if (topology.type.startsWith('ReplicaSet') && readPreference !== 'primary') return of('RSSecondary');
  return [];
}
