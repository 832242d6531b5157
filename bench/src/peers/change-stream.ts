/**
 * Reads `count` events of one collection through the driver's ChangeStream with updateLookup, and
 * does nothing with them.
 *
 * It reads the whole cluster, filtered by namespace, as capture does. A collection's own stream
 * costs the server less. But nobody can follow a database with a stream for every collection: their
 * events have no common order.
 */
import { MongoClient, Timestamp } from 'mongodb';

const [uri, database, collection, since, count] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
];
const [t, i] = since.split(':').map(Number) as [number, number];

await using client = await new MongoClient(uri).connect();
await using stream = client.watch([{ $match: { ns: { db: database, coll: collection } } }], {
  fullDocument: 'updateLookup',
  startAtOperationTime: new Timestamp({ t, i }),
});
let left = Number(count);
for await (const event of stream) {
  if (event && --left === 0) break;
}
