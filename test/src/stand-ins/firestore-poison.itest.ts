/**
 * Documents that Firestore refuses: the checks before sending and the stand-in agree on each, and a
 * load sends none of them while all others go.
 */
import type { Refusal } from '@waybill/load/apply/refusal';
import type { AssessReport } from '@waybill/load/assess/assessment';
import { runLoad } from '@waybill/load/load';
import { resolveLoadSettings } from '@waybill/load/settings/load-settings';
import { connectTarget } from '@waybill/load/target/open/open-target';
import { PROFILES } from '@waybill/load/target/profiles/all';
import { silentLogger } from '@waybill/shared/base/logger';
import { createMetrics } from '@waybill/shared/base/metrics';
import { createLoadStats } from '@waybill/shared/base/stats';
import { date, doc, fromObject, int32 } from '@waybill/shared/bson/build';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as b from '../support/bson/bytes.ts';
import { temporaryBucket } from '../support/bucket.ts';
import { FIRESTORE_POISON } from '../support/poison/firestore.ts';
import { testClient } from '../support/raw.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import { FIRESTORE } from '../support/stand-ins/firestore.ts';
import { ask, codeOf } from '../support/stand-ins/rule-cases.ts';
import { StandIn } from '../support/stand-ins/stand-in.ts';
import { put, remove, StreamBuilder } from '../support/stream-builder.ts';
import { linesOf, row, verify } from '../support/verifying.ts';
import { runWaybill } from '../support/waybill.ts';

await describeWithServer('poison for Firestore', (servers) => {
  let standIn: StandIn;
  const database = uniqueName('poison');
  beforeAll(async () => {
    const query = { loadBalanced: 'true', retryWrites: 'false' };
    standIn = await StandIn.start(FIRESTORE, { uri: servers.target.uri, database, query });
  });
  afterAll(() => standIn?.[Symbol.asyncDispose]());

  describe('is refused by the stand-in, and what keeps the rule just so is taken', () => {
    it.each(FIRESTORE_POISON)('$name', async ({ violating, allowed }) => {
      const sent = (document: Buffer) => ({ insert: 'corpus', documents: [doc(document)] });
      expect(codeOf(await ask(standIn, sent(violating)))).toBe(2);
      expect(codeOf(await ask(standIn, sent(allowed)))).toBe('ok');
    });
  });

  const load = async (bucketUrl: string, name: string, refusals: Refusal[]) => {
    const { signal } = new AbortController();
    const { target, connection } = await connectTarget(standIn.uri, {
      kind: 'firestore',
      logger: silentLogger,
      signal,
    });
    await using _connection = connection;
    return await runLoad(resolveLoadSettings({ pollMs: 20, load: name, until: 'caught-up' }), {
      bucket: await openBucket(bucketUrl),
      target,
      logger: silentLogger,
      metrics: createMetrics(),
      stats: createLoadStats(),
      signal,
      onRefused: async (some) => void refusals.push(...some),
    });
  };
  const stored = async (name: string): Promise<string[]> => {
    await using client = await testClient(servers.target.uri);
    const documents = await Array.fromAsync(client.read(database, name));
    return documents.map((each) => each.toString('hex')).sort();
  };
  const hex = (documents: readonly Buffer[]): string[] =>
    documents.map((each) => each.toString('hex')).sort();

  it('never reaches the target, while its neighbours do', async () => {
    await using bucket = await temporaryBucket();
    const stream = await StreamBuilder.create(bucket.url, {});
    const poison = FIRESTORE_POISON.map(({ violating }) => violating);
    const sound = FIRESTORE_POISON.map(({ allowed }) => allowed);
    const [copied, changed] = [`${database}.copied`, `${database}.changed`];
    await stream.snapshot([
      { namespace: copied, documents: poison.flatMap((each, at) => [each, sound[at]!]) },
      { namespace: changed, documents: [fromObject({ _id: 1, v: 1 }), fromObject({ _id: 2, v: 1 })] },
    ]);
    const last = fromObject({ _id: 2, v: 2 });
    await stream.changes([
      ...poison.map((each) => put(changed, each)),
      put(changed, fromObject({ _id: 1, __v__: 2 }), 'update'),
      put(changed, last, 'update'),
      // It was never there, and cannot be.
      remove(changed, date(5)),
      ...sound.slice(0, 5).map((each) => put(changed, each)),
    ]);
    await stream.milestone('caught-up');
    const refusals: Refusal[] = [];
    const { outcome } = await load(bucket.url, 'documents', refusals);
    expect(outcome).toBe('caught-up');
    expect(await stored('copied')).toEqual(hex(sound));
    // A document that becomes poison stays as it was.
    expect(await stored('changed')).toEqual(hex([fromObject({ _id: 1, v: 1 }), last, ...sound.slice(0, 5)]));
    expect(refusals.every(({ by, attempts }) => by === 'check' && attempts === 0)).toBe(true);
    const rules = (namespace: string) =>
      refusals
        .filter((each) => each.namespace === namespace)
        .map(({ rule }) => rule)
        .sort();
    const all = FIRESTORE_POISON.map(({ rule }) => rule);
    expect(rules(copied)).toEqual(all.toSorted());
    // The stream deletes the document of a date as _id in the end.
    const left = all.filter((_, at) => FIRESTORE_POISON[at]!.name !== 'date as _id');
    expect(rules(changed)).toEqual([...left, 'field-name'].sort());
    expect(refusals.find(({ id }) => id.type === int32(1).type)).toMatchObject({ rule: 'field-name' });
  });

  it('differs from the source in the form of values alone, which verify counts', async () => {
    await using bucket = await temporaryBucket();
    await using source = await testClient(servers.source.uri);
    const forms = [
      row(b.int32(1), ['v', b.doubleBits('fff8000000000123')]),
      row(b.int32(2), ['v', b.array(b.decimalBits('7800000000000000000000000000abcd'))]),
      row(b.int32(3), ['v', b.regex('^a', 'xi')]),
      row(b.int32(4), ['v', b.double(1)]),
    ];
    await source.insert(database, 'forms', forms);
    const stream = await StreamBuilder.create(bucket.url, {});
    await stream.snapshot([{ namespace: `${database}.forms`, documents: forms }]);
    await stream.milestone('caught-up');
    const refusals: Refusal[] = [];
    await load(bucket.url, 'forms', refusals);
    expect(refusals).toEqual([]);
    const sides = { source: servers.source, target: standIn };
    const report = await verify(sides, [`${database}.forms`], {}, PROFILES.firestore);
    expect(linesOf(report)).toEqual([]);
    expect(report).toMatchObject({ same: true, collections: [{ canonical: 3, different: 0 }] });
  });

  it('is foretold by an assessment that asks the target, with what its one database cannot have', async () => {
    await using bucket = await temporaryBucket();
    const stream = await StreamBuilder.create(bucket.url, {});
    const poison = FIRESTORE_POISON.map(({ violating }) => violating);
    await stream.snapshot([
      { namespace: `${database}.orders`, documents: poison },
      { namespace: 'elsewhere.orders', documents: [fromObject({ _id: 1 })] },
    ]);
    const at = ['--bucket', bucket.url, '--target', standIn.uri, '--target-kind', 'firestore', '--json'];
    const { exitCode, stdout, stderr } = await runWaybill(['assess', ...at]);
    expect(exitCode, stderr).toBe(3);
    const { findings } = JSON.parse(stdout) as AssessReport;
    const ofDocuments = findings.filter(({ of }) => of === 'documents');
    expect(ofDocuments.reduce((sum, { count }) => sum + count, 0)).toBe(poison.length);
    expect(findings.find(({ rule }) => rule === 'other-database')).toMatchObject({
      count: 1,
      example: 'elsewhere',
    });
    expect(findings.map(({ rule }) => rule)).toEqual(
      expect.arrayContaining(['several-databases', 'name-collision']),
    );
  });

  it('in the name of a collection stops a load before it writes', async () => {
    await using bucket = await temporaryBucket();
    const stream = await StreamBuilder.create(bucket.url, {});
    const documents = [fromObject({ _id: 1 })];
    await stream.snapshot([
      { namespace: `${database}.first`, documents },
      { namespace: `${database}.__last__`, documents },
    ]);
    await stream.milestone('caught-up');
    await expect(load(bucket.url, 'names', [])).rejects.toMatchObject({
      code: 'TARGET_UNSUPPORTED',
      context: { namespace: `${database}.__last__` },
    });
    expect(await stored('first')).toEqual([]);
  });
});
