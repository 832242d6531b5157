import {
  type ClientSession,
  type Db,
  type Document,
  Double,
  type Filter,
  Int32,
  type MongoClient,
  type UpdateFilter,
} from 'mongodb-4-0';
import { customerId, item, order, orderId } from '../shop/documents.ts';
import type { Random } from '../shop/random.ts';

/** What one writer of the application knows; no other writer touches its orders. */
export interface Writer {
  readonly client: MongoClient;
  readonly database: Db;
  readonly random: Random;
  /** Numbers of the orders that exist. */
  readonly alive: number[];
  /** Server release, for instance 4 or 8.2. */
  readonly release: number;
  nextNumber(): number;
}

export type OperationName =
  | 'insert'
  | 'setNested'
  | 'setArrayElement'
  | 'pushArray'
  | 'pullArray'
  | 'sliceArray'
  | 'unsetField'
  | 'computed'
  | 'replace'
  | 'delete'
  | 'deleteAndReinsert'
  | 'handOverEmail'
  | 'transaction'
  | 'updateMany'
  | 'appendToCapped';

type Operation = (writer: Writer) => Promise<void>;

/** How often each happens, relative to the others. */
export const WEIGHTS: Readonly<Record<OperationName, number>> = {
  insert: 24,
  setNested: 20,
  setArrayElement: 10,
  pushArray: 10,
  pullArray: 4,
  sliceArray: 4,
  unsetField: 4,
  computed: 4,
  replace: 10,
  delete: 8,
  deleteAndReinsert: 5,
  handOverEmail: 1,
  transaction: 4,
  updateMany: 1,
  appendToCapped: 3,
};

const orders = ({ database }: Writer) => database.collection<Document>('orders');

/** The driver's types know one type of `_id` a collection; ours have several. */
function byId(id: unknown): Filter<Document> {
  return { _id: id } as Filter<Document>;
}

function someOrder({ alive, random }: Writer): Filter<Document> {
  return byId(orderId(random.pick(alive)));
}

/**
 * Updates some order. The driver's types can't follow paths into documents that they don't know.
 */
async function change(writer: Writer, update: object): Promise<void> {
  await orders(writer).updateOne(someOrder(writer), update as UpdateFilter<Document>);
}

export const OPERATIONS: Readonly<Record<OperationName, Operation>> = {
  insert: async (writer) => {
    const number = writer.nextNumber();
    await orders(writer).insertOne(order(number, writer.random));
    writer.alive.push(number);
  },
  setNested: async (writer) => {
    const { random } = writer;
    await change(writer, {
      $set: { 'customer.address.city': random.words(1), state: random.pick(['paid', 'packed', 'sent']) },
      $inc: { 'customer.visits': new Int32(1) },
      $currentDate: { changedAt: { $type: 'timestamp' } },
    });
  },
  setArrayElement: async (writer) => {
    await change(writer, {
      $set: { 'items.0.quantity': new Int32(writer.random.int(100)), 'items.0.options.gift': true },
    });
  },
  pushArray: async (writer) => {
    await change(writer, { $push: { items: item(writer.random) } });
  },
  pullArray: async (writer) => {
    await change(writer, { $pull: { items: { quantity: { $gt: 4 } } } });
  },
  sliceArray: async (writer) => {
    await change(writer, {
      $push: { items: { $each: [item(writer.random)], $slice: -3 } },
    });
  },
  unsetField: async (writer) => {
    await change(writer, {
      $unset: { notes: '' },
      $rename: { discount: 'rebate' },
    });
  },
  computed: async (writer) => {
    const values = {
      'customer.visits': { $add: [{ $size: '$items' }, new Double(0.5)] },
      'seen.by': 'pipeline',
    };
    if (writer.release >= 4.2) await change(writer, [{ $set: values }]);
    else await change(writer, { $set: { 'seen.by': 'operator' } });
  },
  replace: async (writer) => {
    const number = writer.random.pick(writer.alive);
    await orders(writer).replaceOne(byId(orderId(number)), order(number, writer.random));
  },
  delete: async (writer) => {
    await orders(writer).deleteOne(byId(orderId(takeOut(writer))));
  },
  deleteAndReinsert: async (writer) => {
    const number = writer.random.pick(writer.alive);
    await orders(writer).deleteOne(byId(orderId(number)));
    await orders(writer).insertOne(order(number, writer.random));
  },
  // A unique value moves from one document to another: a copy that applies the two in the wrong
  // order would stumble.
  handOverEmail: async ({ database, random, nextNumber }) => {
    const customers = database.collection<Document & { _id: string }>('customers');
    const from = customerId(random.int(5000));
    const found = await customers.findOne({ _id: from }, { projection: { email: 1 } });
    if (!found) return;
    const number = nextNumber();
    await customers.updateOne({ _id: from }, { $set: { email: `former.${number}@shop.test` } });
    await customers.insertOne({
      _id: `heir${number}`,
      email: found.email,
      country: 'NO',
      name: random.words(2),
    });
  },
  transaction: async (writer) => {
    const number = writer.nextNumber();
    const document = order(number, writer.random);
    const changed = someOrder(writer);
    const stock = byId(new Int32(writer.random.int(2000)));
    await inTransaction(writer.client, async (session) => {
      await orders(writer).insertOne(document, { session });
      await orders(writer).updateOne(changed, { $set: { followedBy: document._id } }, { session });
      await writer.database
        .collection<Document>('products')
        .updateOne(stock, { $inc: { stock: new Int32(-1) } }, { session });
      await writer.database
        .collection<Document>('ledger')
        .insertOne({ order: document._id, amount: document.total, at: new Date() }, { session });
    });
    writer.alive.push(number);
  },
  updateMany: async ({ database, random }) => {
    const from = random.int(1990);
    await database
      .collection<Document>('products')
      .updateMany(byId({ $gte: new Int32(from), $lt: new Int32(from + 10) }), {
        $mul: { price: new Double(1.01) },
        $addToSet: { tags: random.words(1) },
      });
  },
  appendToCapped: async ({ database, random, nextNumber }) => {
    await database.collection<Document>('audit').insertOne({ entry: nextNumber(), text: random.words(12) });
  },
};

function takeOut({ alive, random }: Writer): number {
  const at = random.int(alive.length);
  const number = alive[at]!;
  alive[at] = alive.at(-1)!;
  alive.pop();
  return number;
}

async function inTransaction(
  client: MongoClient,
  work: (session: ClientSession) => Promise<void>,
): Promise<void> {
  await client.withSession((session) => session.withTransaction(() => work(session)));
}
