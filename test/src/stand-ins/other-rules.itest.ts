/** The stand-ins for the other managed targets keep their rules. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { testClient } from '../support/raw.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import { APSARADB_SHARDED } from '../support/stand-ins/apsaradb.ts';
import { ATLAS_FLEX } from '../support/stand-ins/atlas-flex.ts';
import { AZURE_DOCUMENTDB } from '../support/stand-ins/azure-documentdb.ts';
import { DOCUMENTDB } from '../support/stand-ins/documentdb.ts';
import { UNKNOWN_SERVER } from '../support/stand-ins/generic.ts';
import * as cases from '../support/stand-ins/other-cases.ts';
import { ask, codeOf, type RuleCase, ruleCases } from '../support/stand-ins/rule-cases.ts';
import type { StandInRules } from '../support/stand-ins/rules.ts';
import { StandIn } from '../support/stand-ins/stand-in.ts';

interface Other {
  readonly rules: StandInRules;
  readonly cases: readonly RuleCase[];
  /** Rules that have a test of their own. */
  readonly elsewhere: readonly string[];
  readonly query: Readonly<Record<string, string>>;
}

const OTHERS: readonly Other[] = [
  {
    rules: DOCUMENTDB,
    cases: cases.DOCUMENTDB_CASES,
    elsewhere: ['one-build', 'transaction-expired', 'index-key'],
    query: { replicaSet: 'rs0', retryWrites: 'false' },
  },
  { rules: ATLAS_FLEX, cases: cases.FLEX_CASES, elsewhere: [], query: { replicaSet: 'atlas-flex' } },
  { rules: APSARADB_SHARDED, cases: cases.APSARADB_CASES, elsewhere: [], query: {} },
  {
    rules: AZURE_DOCUMENTDB,
    cases: cases.AZURE_CASES,
    elsewhere: ['one-build'],
    query: { retryWrites: 'false' },
  },
  { rules: UNKNOWN_SERVER, cases: cases.UNKNOWN_CASES, elsewhere: [], query: { retryWrites: 'false' } },
];

for (const { rules, cases: ofRules, elsewhere, query } of OTHERS) {
  await describeWithServer(`the stand-in for ${rules.title}`, (servers) => {
    let standIn: StandIn;
    const database = uniqueName('other');
    beforeAll(async () => {
      standIn = await StandIn.start(rules, { uri: servers.target.uri, database, query });
    });
    afterAll(() => standIn?.[Symbol.asyncDispose]());

    ruleCases(() => standIn, rules, ofRules, elsewhere);

    it('is reached by a driver', async () => {
      await using client = await testClient(standIn.uri);
      const things = client.client.db(database).collection('things');
      await things.insertOne({ by: 'a driver' });
      expect(await things.countDocuments({ by: 'a driver' })).toBe(1);
    });

    if (elsewhere.includes('one-build')) buildsOne(() => standIn);
    if (elsewhere.includes('index-key')) refusesKeys(() => standIn);
    if (elsewhere.includes('transaction-expired')) expires(() => standIn);
  });
}

function buildsOne(standIn: () => StandIn): void {
  it('builds one index of a collection at a time', async () => {
    const build = (name: string) =>
      ask(standIn(), { createIndexes: 'one', indexes: [{ key: { [name]: 1 }, name }] });
    const answers = await Promise.all([build('a'), build('b')]);
    expect(answers.map(codeOf).sort()).toEqual([12587, 'ok']);
    expect(codeOf(await build('b'))).toBe('ok');
  });
}

function refusesKeys(standIn: () => StandIn): void {
  it('refuses index keys that are too large', async () => {
    const put = (_id: number, bytes: number) =>
      ask(standIn(), { insert: 'keys', documents: [{ _id, v: 'x'.repeat(bytes) }] });
    expect(codeOf(await put(1, 3000))).toBe('ok');
    await ask(standIn(), { delete: 'keys', deletes: [{ q: {}, limit: 0 }] });
    await ask(standIn(), { createIndexes: 'keys', indexes: [{ key: { v: 1 }, name: 'v' }] });
    expect([codeOf(await put(2, 3000)), codeOf(await put(3, 2000))]).toEqual([17280, 'ok']);
  });
}

function expires(standIn: () => StandIn): void {
  it('lets transactions expire', async () => {
    await using client = await testClient(standIn().uri);
    const session = client.client.startSession();
    session.startTransaction();
    const things = client.client.db(standIn().options.database).collection('things');
    await things.insertOne({ v: 1 }, { session });
    standIn().strain.transactionsExpire = true;
    await expect(things.insertOne({ v: 2 }, { session })).rejects.toMatchObject({ code: 251 });
    standIn().strain.transactionsExpire = false;
    await session.endSession();
  });
}
