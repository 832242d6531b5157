/**
 * Applies `count` changes with one transaction per event: read the document's shadow, compare
 * positions, replace the document, replace the shadow. Eight run at once, each with an event of
 * another document.
 */
import { BSON, MongoClient, Timestamp } from 'mongodb';
import { order } from '../data/orders.ts';

const [uri, database, collection, count] = process.argv.slice(2) as [string, string, string, string];
const CONCURRENCY = 8;

await using client = await new MongoClient(uri).connect();
const data = client.db(database).collection(collection);
const shadow = client.db(database).collection(`shadow_${collection}`);
await data.createIndex({ number: 1 });
await shadow.insertOne({ probe: true });

let next = 0;
async function worker(): Promise<void> {
  await using session = client.startSession();
  while (next < Number(count)) {
    const number = next++;
    const document = BSON.deserialize(order(number));
    const position = new Timestamp({ t: 1_700_000_000, i: number });
    await session.withTransaction(async () => {
      const seen = await shadow.findOne({ _id: document._id }, { session });
      if (seen && position.lessThanOrEqual(seen.position as Timestamp)) return;
      await data.replaceOne({ _id: document._id }, document, { session, upsert: true });
      await shadow.replaceOne({ _id: document._id }, { position, document }, { session, upsert: true });
    });
  }
}
await Promise.all(Array.from({ length: CONCURRENCY }, worker));
