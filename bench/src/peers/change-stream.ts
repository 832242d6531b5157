/** Reads `count` events of one collection through the driver's ChangeStream with updateLookup, and does nothing with them. */
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
await using stream = client
  .db(database)
  .collection(collection)
  .watch([], { fullDocument: 'updateLookup', startAtOperationTime: new Timestamp({ t, i }) });
let left = Number(count);
for await (const event of stream) {
  if (event && --left === 0) break;
}
