/**
 * Bulk connections: memory that is used again, every way into a server, and what happens when the
 * way is lost.
 */
import { once } from 'node:events';
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from 'node:net';
import { isTransient } from '@waybill/shared/base/errors';
import { connect } from '@waybill/shared/mongo/driver/connect';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { openCursor } from '@waybill/shared/mongo/driver/cursor';
import { readRange } from '@waybill/shared/mongo/read/range-reader';
import { expect, it } from 'vitest';
import { binary, document, int32 } from '../support/bson/bytes.ts';
import { testClient } from '../support/raw.ts';
import { describeWithServer, startServer, uniqueName } from '../support/servers.ts';
import { startTlsFront } from '../support/stores/tls-front.ts';

const MIB = 1 << 20;
const DOCUMENTS = 300;
const documents = Array.from({ length: DOCUMENTS }, (_, n) =>
  document(['_id', int32(n)], ['pad', binary(0, Buffer.alloc(4000 + n * 7, n))]),
);

await describeWithServer('reading in bulk', (servers) => {
  const filled = async (uri: string): Promise<string> => {
    const database = uniqueName('bulk');
    await using client = await testClient(uri);
    await client.insert(database, 'c', documents);
    return database;
  };

  /**
   * Batches of a few documents; whether their memory was used again shows that a bulk connection
   * was at work.
   */
  const readAll = async (
    connection: MongoConnection,
    database: string,
    bulk = true,
  ): Promise<{ readonly found: Buffer[]; readonly buffers: number; readonly batches: number }> => {
    const found: Buffer[] = [];
    const buffers = new Set<ArrayBufferLike>();
    let batches = 0;
    await using cursor = await openCursor(
      connection,
      database,
      { find: 'c', sort: { _id: 1 } },
      { bulk, firstBatchSize: 20, targetBatchBytes: 100_000, prefetch: true },
    );
    for (let batch = await cursor.next(); batch; batch = await cursor.next()) {
      if (batch.count === 0) continue;
      batches++;
      buffers.add(batch.array.buffer);
      found.push(...batch.documents.map((each) => Buffer.from(each)));
    }
    return { found, buffers: buffers.size, batches };
  };

  it('uses the memory of two replies for all of them', async () => {
    const database = await filled(servers.source.uri);
    await using connection = await connect(servers.source.uri, { role: 'source' });
    const bulk = await readAll(connection, database);
    expect(bulk.found).toEqual(documents);
    expect(bulk.batches).toBeGreaterThan(5);
    expect(bulk.buffers).toBe(2);
    const plain = await readAll(connection, database, false);
    expect(plain.found).toEqual(documents);
    expect(plain.buffers).toBe(plain.batches);
  });

  it('takes replies that are larger than its memory', async () => {
    const database = uniqueName('bulk');
    const large = [1, 2, 3, 4].map((n) =>
      document(['_id', int32(n)], ['b', binary(0, Buffer.alloc(15 * MIB, n))]),
    );
    await using client = await testClient(servers.source.uri);
    for (const each of large) await client.insert(database, 'c', [each]);
    await using connection = await connect(servers.source.uri, { role: 'source' });
    const { found } = await readAll(connection, database);
    expect(found.map((each) => Buffer.compare(each, large[each.readInt32LE(9) - 1]!))).toEqual([0, 0, 0, 0]);
  });

  it('authenticates as the driver does, and is told what the user may not read', async () => {
    await using server = await startServer({ replSet: 'bulk', auth: true });
    const database = await filled(server.uri);
    await using connection = await connect(server.uri, { role: 'source' });
    expect(await readAll(connection, database)).toMatchObject({ found: documents, buffers: 2 });

    await connection.command('admin', {
      createUser: 'other',
      pwd: 'p/w:ö',
      roles: [{ role: 'read', db: 'elsewhere' }],
    });
    const uri = server.anonymousUri.replace('//', `//other:${encodeURIComponent('p/w:ö')}@`);
    await using stranger = await connect(`${uri}&authSource=admin`, { role: 'source' });
    await expect(readAll(stranger, database)).rejects.toMatchObject({ code: 'MONGO_UNAUTHORIZED' });
  });

  it('goes through TLS, and only to whom the authority vouches for', async () => {
    await using server = await startServer();
    const database = await filled(server.uri);
    await using front = await startTlsFront(server.port);
    const uri = `mongodb://${new URL(front.endpoint).host}/?directConnection=true&tls=true&tlsCAFile=${encodeURIComponent(front.authority)}`;
    await using connection = await connect(uri, { role: 'source' });
    expect(await readAll(connection, database)).toMatchObject({ found: documents, buffers: 2 });
  });

  it('goes on when its connection is cut in the middle of a reply', async () => {
    const database = await filled(servers.source.uri);
    await using relay = await startRelay(servers.source.port);
    await using connection = await connect(relay.uri, { role: 'source' });
    const retries: unknown[] = [];
    const reader = readRange(connection, `${database}.c`, {
      bulk: true,
      batchBytes: 50_000,
      onRetry: (error) => retries.push(error),
    });
    const found: Buffer[] = [];
    for await (const batch of reader) {
      found.push(...batch.documents.map((each) => Buffer.from(each)));
      if (found.length > 150 && retries.length === 0) {
        relay.cutAfter(10_000);
      }
    }
    expect(found).toEqual(documents);
    expect(retries.length).toBeGreaterThan(0);
  });

  it('takes a server that is not there for a passing failure', async () => {
    const database = await filled(servers.source.uri);
    const relay = await startRelay(servers.source.port);
    await using connection = await connect(relay.uri, { role: 'source' });
    expect(await readAll(connection, database)).toMatchObject({ buffers: 2 });
    await relay[Symbol.asyncDispose]();
    await expect(readAll(connection, database)).rejects.toSatisfy(isTransient);
  });
});

interface Relay extends AsyncDisposable {
  readonly uri: string;
  /**
   * Cuts every connection that is open now when so many bytes more have come from the server
   * through it.
   */
  cutAfter(bytes: number): void;
}

async function startRelay(port: number): Promise<Relay> {
  const left = new Map<Socket, number>();
  const server = createServer((socket) => {
    const upstream = connectTcp(port, '127.0.0.1');
    left.set(socket, Number.POSITIVE_INFINITY);
    socket.pipe(upstream);
    upstream.on('data', (chunk) => {
      const rest = (left.get(socket) ?? 0) - chunk.length;
      left.set(socket, rest);
      socket.write(chunk.subarray(0, Math.max(0, chunk.length + Math.min(0, rest))));
      if (rest <= 0) socket.destroySoon();
    });
    socket.on('error', () => upstream.destroy());
    socket.on('close', () => left.delete(socket) && upstream.destroy());
    upstream.on('error', () => socket.destroy());
    upstream.on('close', () => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: own } = server.address() as AddressInfo;
  return {
    uri: `mongodb://127.0.0.1:${own}/?directConnection=true`,
    cutAfter: (bytes) => {
      for (const socket of left.keys()) left.set(socket, bytes);
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of left.keys()) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
