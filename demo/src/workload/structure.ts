import type { Db, Document } from 'mongodb-4-0';

/**
 * Changes structure between writes, one change at a time: creates an index, creates and fills a
 * collection, renames it, gives it an index, changes its options, drops the index. It drops nothing
 * that holds documents.
 */
export async function* changeStructure(database: Db, tag: string): AsyncGenerator<string, never> {
  for (let round = 1; ; round++) {
    const season = `season_${tag}_${round}`;
    const archive = `archive_${tag}_${round}`;
    const index = `state_${tag}_${round}`;

    await database
      .collection('orders')
      .createIndex({ state: 1, number: round % 2 === 0 ? 1 : -1 }, { name: index });
    yield `index ${index} on orders`;

    await database.createCollection(season);
    await database.collection<Document>(season).insertMany(offers(0));
    yield `collection ${season}`;

    await database.collection<Document>(season).updateMany({ offer: { $lt: 20 } }, { $set: { ended: true } });
    await database.collection(season).rename(archive);
    await database.collection<Document>(archive).insertMany(offers(100));
    await database
      .collection<Document>(archive)
      .updateMany({ offer: { $gte: 30 } }, { $set: { kept: true } });
    yield `collection ${season} renamed to ${archive}`;

    await database.collection(archive).createIndex({ offer: -1 }, { name: 'offer' });
    await database.command({
      collMod: archive,
      validator: { offer: { $exists: true } },
      validationLevel: 'moderate',
    });
    yield `index and validator on ${archive}`;

    await database.collection('orders').dropIndex(index);
    yield `index ${index} dropped`;
  }
}

function offers(from: number): Document[] {
  return Array.from({ length: 50 }, (_, n) => ({ offer: from + n, percent: (from + n) % 40 }));
}
