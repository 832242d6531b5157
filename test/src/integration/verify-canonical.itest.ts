/** Verify where the target keeps values in a form of its own: genuine servers, another profile. */
import { FIRESTORE } from '@waybill/load/target/profiles/firestore';
import { expect, it } from 'vitest';
import * as b from '../support/bson/bytes.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import { linesOf, plant, row, verify } from '../support/verifying.ts';

const NAN = b.doubleBits('7ff8000000000000');
const OTHER_NAN = b.doubleBits('fff8000000000123');
const INFINITY = b.decimalBits('78000000000000000000000000000000');
const OTHER_INFINITY = b.decimalBits('7800000000000000000000000000abcd');

await describeWithServer('verify on a target with forms of its own', (servers) => {
  it('counts what is the same in its form, by collection, and finds the rest', async () => {
    const database = uniqueName('verify_canonical');
    const same = { source: [row(b.int32(1), ['v', NAN])], target: [row(b.int32(1), ['v', NAN])] };
    const forms = {
      source: [
        row(b.int32(1), ['v', OTHER_NAN]),
        row(b.int32(2), ['v', b.array(b.object(['d', OTHER_INFINITY]))]),
        row(b.int32(3), ['v', b.regex('^a', 'xi')]),
        row(b.int32(4), ['v', b.string('plain')]),
        row(OTHER_NAN, ['v', b.int32(5)]),
      ],
      target: [
        row(b.int32(1), ['v', NAN]),
        row(b.int32(2), ['v', b.array(b.object(['d', INFINITY]))]),
        row(b.int32(3), ['v', b.regex('^a', 'ix')]),
        row(b.int32(4), ['v', b.string('plain')]),
        row(NAN, ['v', b.int32(5)]),
      ],
    };
    const mixed = {
      source: [row(b.int32(0)), row(b.int32(1), ['v', OTHER_NAN], ['w', b.int32(1)]), row(b.int32(2))],
      target: [row(b.int32(1), ['v', NAN], ['w', b.int32(2)]), row(b.int32(2)), row(b.int32(3))],
    };
    for (const [name, planted] of Object.entries({ same, forms, mixed })) {
      await plant(servers, database, name, planted);
    }

    const canonical = await verify(servers, [database], {}, FIRESTORE);
    expect(canonical.collections.map((each) => [each.namespace.split('.')[1], each.canonical])).toEqual([
      ['forms', 4],
      ['mixed', 0],
      ['same', 0],
    ]);
    expect(linesOf(canonical)).toEqual([
      'mixed {"_id":{"$numberInt":"0"}}: missing',
      'mixed {"_id":{"$numberInt":"1"}}: different w=value',
      'mixed {"_id":{"$numberInt":"3"}}: extra',
      'mixed: 1 missing, 1 extra, 1 different, 0 changing',
    ]);
    expect((await verify(servers, [`${database}.forms`], {}, FIRESTORE)).same).toBe(true);

    // MongoDB keeps every byte, so there each of them is a difference.
    const bytes = await verify(servers, [`${database}.forms`]);
    expect(bytes.collections).toMatchObject([{ different: 3, missing: 1, extra: 1, canonical: 0 }]);
  });

  it("takes the target's own time for Timestamp(0,0)", async () => {
    const database = uniqueName('verify_canonical');
    const documents = (time: b.Value): Buffer[] =>
      Array.from({ length: 20 }, (_, index) => row(b.int32(index), ['at', time]));
    const planted = { source: documents(b.timestamp(0, 0)), target: documents(b.timestamp(7, 1)) };
    await plant(servers, database, 'times', planted);
    const report = await verify(servers, [database], {}, FIRESTORE);
    expect(report).toMatchObject({ same: true, collections: [{ canonical: 20, different: 0 }] });
    expect((await verify(servers, [database])).same).toBe(false);
  });
});
