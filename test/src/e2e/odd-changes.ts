import { equalIds } from '../corpus/ids.ts';
import * as b from '../support/bson/bytes.ts';
import { type TestClient, testClient } from '../support/raw.ts';

/** Changes of documents with odd `_id`s and odd content, byte for byte as given. */
export interface OddChanges {
  readonly updated: number;
  readonly replaced: number;
  readonly deleted: number;
  readonly reinserted: number;
}

/** By the bytes of `_id`, so no driver interprets it. */
const byId = (id: b.Value): b.Value => b.object(['_id', b.object(['$eq', id])]);

const update = (id: b.Value, change: b.Value): Buffer => b.document(['q', byId(id)], ['u', change]);
const remove = (id: b.Value): Buffer => b.document(['q', byId(id)], ['limit', b.int32(1)]);
const set = (...fields: readonly b.Field[]): b.Value => b.object(['$set', b.object(...fields)]);

/**
 * What an update may put into a document: types that a detour through other languages would change.
 */
const odd: readonly b.Field[] = [
  ['10', b.int32(1)],
  ['2', b.double(1)],
  ['__proto__', b.object(['x', b.doubleBits('7ff800000000beef')])],
  ['text', b.string(Buffer.from([0x61, 0xff]))],
  ['list', b.array(b.int64(1n), b.decimalBits('303e000000000000000000000000000a'), b.minKey)],
];

/** In turn over the documents of `ids`: update, replace, delete, delete and insert anew. */
export async function changeOddIds(client: TestClient, database: string): Promise<OddChanges> {
  const ids: b.Value[] = [];
  for await (const document of client.read(database, 'ids', { natural: true })) ids.push(idOf(document));
  const turn = (wanted: number): b.Value[] => ids.filter((_, index) => index % 4 === wanted);
  const same = (id: b.Value): b.Field => ['_id', id];
  const updated = await client.write(
    'update',
    database,
    'ids',
    turn(0).flatMap((id) => [update(id, set(...odd)), update(id, set(['inner.at', b.int32(2)]))]),
  );
  const replaced = await client.write(
    'update',
    database,
    'ids',
    turn(1).map((id) =>
      update(id, b.object(['twice', b.int32(1)], same(id), ['twice', b.double(2)], ...odd)),
    ),
  );
  const gone = [...turn(2), ...turn(3)];
  const deleted = await client.write('delete', database, 'ids', gone.map(remove));
  const anew = turn(3).map((id) => b.document(same(id), ['again', b.boolean(true)], ...odd));
  await client.insert(database, 'ids', anew);
  if (updated !== turn(0).length * 2 || replaced !== turn(1).length || deleted !== gone.length) {
    throw new Error(`not every odd _id was found: ${updated}, ${replaced}, ${deleted} of ${ids.length}`);
  }
  return { updated, replaced, deleted, reinserted: anew.length };
}

/** Updates of fields inside documents with odd content. */
export async function changeOddContent(client: TestClient, database: string): Promise<void> {
  const each = async (collection: string, change: (id: b.Value, index: number) => b.Value): Promise<void> => {
    const statements: Buffer[] = [];
    for await (const document of client.read(database, collection, { natural: true })) {
      const id = idOf(document);
      statements.push(update(id, change(id, statements.length)));
    }
    const matched = await client.write('update', database, collection, statements);
    if (matched !== statements.length) throw new Error(`${collection}: ${matched} of ${statements.length}`);
  };
  await each('values', (_, index) =>
    index % 2 === 0
      ? set(['inner.more', b.doubleBits('8000000000000000')], ['z', b.array(b.undefinedValue, b.maxKey)])
      : b.object(['$unset', b.object(['v', b.int32(1)])], ['$push', b.object(['tail', b.symbol('s')])]),
  );
  await each('names', () => set(['touched', b.int64(1n)]));
  await each('clustered', (_, index) => set(['n', b.int32(index)]));
  await each('capped', (_, index) => set(['name', b.string(`CAPPED ${index}`)]));
  await each('validated', () => set(['price', b.string('refused by the validator')]));
  // The server finds it by the collation; the event names it by its bytes.
  await client.write('update', database, 'collated', [update(b.string('ALPHA'), set(['n', b.int32(1)]))]);
}

/**
 * At most one `_id` of a group exists at a time; each makes room for the next. A group ends with
 * another one than it began with.
 */
export async function moveThroughEqualIds(
  client: TestClient,
  database: string,
  rounds: number,
): Promise<void> {
  for (const [group, ids] of Object.entries(equalIds)) {
    const collection = group === 'collated' ? 'collated' : `equal_${group}`;
    const document = (id: b.Value, n: number): Buffer => b.document(['_id', id], ['n', b.int32(n)], ...odd);
    let n = 0;
    await client.insert(database, collection, [document(ids[0]!, n)]);
    const steps = rounds * ids.length + 2;
    for (let step = 1; step < steps; step++) {
      const before = ids[(step - 1) % ids.length]!;
      const next = ids[step % ids.length]!;
      // An update by an equal `_id` of another type, which changes the document but not its `_id`.
      await client.write('update', database, collection, [update(next, set(['n', b.int32(++n)]))]);
      await client.write('delete', database, collection, [remove(step % 2 === 0 ? before : next)]);
      await client.insert(database, collection, [document(next, ++n)]);
      if (step % 3 === 0) {
        await client.write('update', database, collection, [update(before, set(['inner.n', b.int32(++n)]))]);
      }
    }
  }
}

/** A copy of the client's that lasts for one piece of work. */
export async function withClient<T>(uri: string, work: (client: TestClient) => Promise<T>): Promise<T> {
  await using client = await testClient(uri);
  return await work(client);
}

/**
 * The server stores `_id` first: length (4), type, `_id`, NUL, then the value's bytes up to the
 * next element.
 */
function idOf(document: Buffer): b.Value {
  if (document.toString('latin1', 5, 9) !== '_id\0') throw new Error('_id is not the first field');
  const type = document[4]!;
  const from = 9;
  return {
    type: type === 0xff ? 0xff : type,
    bytes: document.subarray(from, from + valueLength(type, document, from)),
  };
}

const FIXED: Readonly<Record<number, number>> = {
  1: 8,
  7: 12,
  8: 1,
  9: 8,
  10: 0,
  16: 4,
  17: 8,
  18: 8,
  19: 16,
  127: 0,
  255: 0,
};

function valueLength(type: number, document: Buffer, at: number): number {
  const fixed = FIXED[type];
  if (fixed !== undefined) return fixed;
  const length = document.readInt32LE(at);
  switch (type) {
    case 0x02:
    case 0x0d:
    case 0x0e:
      return 4 + length;
    case 0x05:
      return 5 + length;
    case 0x0c:
      return 4 + length + 12;
    case 0x03:
    case 0x0f:
      return length;
    default:
      throw new Error(`no _id has type ${type.toString(16)}`);
  }
}
