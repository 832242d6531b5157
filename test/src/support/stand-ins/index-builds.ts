/** The indexes that clients of a stand-in have made, and those that are being built. */
import { setTimeout as sleep } from 'node:timers/promises';
import { elements, findElement } from '@waybill/shared/bson/raw';
import { readString } from '@waybill/shared/bson/values';
import { BSON, type MongoClient } from 'mongodb-4-0';
import type { Request } from './request.ts';

/** A build takes that long. In earnest it is minutes. */
const BUILD_MS = 300;

export class IndexBuilds {
  readonly #server: MongoClient;
  readonly #made = new Map<string, Map<string, Buffer>>();
  readonly #building = new Map<string, number>();
  readonly #later = new Set<Promise<void>>();

  /** Builds that nobody waits for go to the server through this client. */
  constructor(server: MongoClient) {
    this.#server = server;
  }

  of(namespace: string): ReadonlyMap<string, Buffer> {
    return this.#made.get(namespace) ?? new Map();
  }

  underWay(namespace: string): number {
    return this.#building.get(namespace) ?? 0;
  }

  /** The build of a createIndexes that its client waits for. */
  async during<T>(request: Request, build: () => Promise<T>): Promise<T> {
    const { namespace } = request;
    this.#building.set(namespace, this.underWay(namespace) + 1);
    try {
      await sleep(BUILD_MS);
      // Before anybody sees it: from then on it may refuse documents.
      this.#add(request);
      return await build();
    } catch (error) {
      this.#remove(request);
      throw error;
    } finally {
      this.#building.set(namespace, this.underWay(namespace) - 1);
    }
  }

  /** The same, and the client does not wait. A build that fails leaves nothing. */
  begin(request: Request): void {
    const { database, collection } = request;
    const indexes = request
      .documents('indexes')
      .map((index) => BSON.deserialize(index, { promoteValues: false }));
    const build = this.during(request, async () => {
      await this.#server.db(database).command({ createIndexes: collection, indexes });
    });
    const settled = build.catch(() => undefined);
    this.#later.add(settled);
    void settled.then(() => this.#later.delete(settled));
  }

  drop(request: Request): void {
    if (request.command === 'drop') this.#made.delete(request.namespace);
    const name = request.text('index');
    if (name !== undefined) this.#made.get(request.namespace)?.delete(name);
  }

  async settled(): Promise<void> {
    await Promise.all(this.#later);
  }

  #remove(request: Request): void {
    for (const index of request.documents('indexes')) {
      const name = findElement(index, 'name');
      if (name) this.#made.get(request.namespace)?.delete(readString(name));
    }
  }

  #add(request: Request): void {
    const made = this.#made.get(request.namespace) ?? new Map<string, Buffer>();
    this.#made.set(request.namespace, made);
    for (const index of request.documents('indexes')) {
      const [name, key] = [findElement(index, 'name'), findElement(index, 'key')];
      if (name && key && [...elements(key.bytes)].length > 0)
        made.set(readString(name), Buffer.from(key.bytes));
    }
  }
}
