/**
 * Structure changes at random between T0 and the inventory, and later: the target ends as the
 * source.
 */

import { Random } from '@waybill/demo/shop/random';
import type { Db } from 'mongodb-4-0';
import { it } from 'vitest';
import { all, collation, migrated, over, seed, write } from '../support/names-at-t0.ts';
import { describeWithServer, type ServerKind } from '../support/servers.ts';
import { testSeed } from '../support/workload.ts';

const ROUNDS = 10;
const NAMES = ['a', 'b', 'c', 'd'];

const KINDS: readonly ServerKind[] = ['current', 'oldest'];
for (const kind of KINDS) {
  await describeWithServer(
    `whatever a ${kind} server did after T0`,
    (servers) => {
      it('whatever was done meanwhile', async () => {
        const random = new Random(testSeed());
        for (let round = 0; round < ROUNDS; round++) {
          const steps: string[] = [];
          const program = (length: number) => (db: Db) => anything(db, random, steps, length);
          // Half of them with names on the outside.
          const scenario = {
            include: round % 2 === 0 ? undefined : ['a', 'b'],
            before: (db: Db) => all(db, ['a', 'b', 'c'], seed),
            meanwhile: program(12),
            after: program(4),
          };
          await migrated(servers, scenario, kind).catch((error: unknown) => {
            throw new Error(`after ${steps.join(', ')}`, { cause: error });
          });
        }
      });
    },
    { source: kind },
  );
}

/** Structure changes of a few names, at random, with writes in between. */
async function anything(db: Db, random: Random, steps: string[], length: number): Promise<void> {
  for (let step = 0; step < length; step++) {
    const names = await db.listCollections({}, { nameOnly: true }).toArray();
    const standing = NAMES.filter((name) => names.some((one) => one.name === name));
    const from = random.pick(NAMES);
    const to = random.pick(NAMES.filter((name) => name !== from));
    const what = random.int(5);
    if (what === 0 && standing.includes(from)) {
      steps.push(`drop ${from}`);
      await db.collection(from).drop();
    } else if (what < 3 && standing.includes(from)) {
      steps.push(`${from} to ${to}`);
      await over(db, from, to);
    } else if (what === 3 && !standing.includes(from)) {
      steps.push(`create ${from}`);
      await db.createCollection(from, { collation });
      // Before 6.0 it is not seen until then.
      await write(db, from);
    } else {
      steps.push(`write ${from}`);
      await write(db, from);
    }
  }
}
