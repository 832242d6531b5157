/** `waybill assess`: a source, and the stream that was captured from it, have the same findings. */
import type { AssessReport } from '@waybill/load/assess/assessment';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as b from '../support/bson/bytes.ts';
import { type TemporaryBucket, temporaryBucket } from '../support/bucket.ts';
import { FIRESTORE_POISON } from '../support/poison/firestore.ts';
import { type TestClient, testClient } from '../support/raw.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import { row } from '../support/verifying.ts';
import { runWaybill } from '../support/waybill.ts';

/** In documents. It must never be printed. */
const SECRET = 'PLANTED-VALUE';

await describeWithServer('waybill assess', (servers) => {
  const first = uniqueName('assess_a');
  const second = uniqueName('assess_b');
  const include = ['--include', `${first},${second}`];
  let bucket: TemporaryBucket;
  let source: TestClient;

  beforeAll(async () => {
    bucket = await temporaryBucket();
    source = await testClient(servers.source.uri);
    const poison = FIRESTORE_POISON.map(({ violating }) => violating);
    const sound = FIRESTORE_POISON.map(({ allowed }) => allowed);
    await source.insert(first, 'orders', [...poison, ...sound]);
    const forms = [
      row(b.int32(1), ['v', b.doubleBits('fff8000000000123')]),
      row(b.int32(2), ['v', b.array(b.decimalBits('7800000000000000000000000000abcd'))]),
      row(b.int32(3), ['v', b.regex('^a', 'xi')]),
      row(b.int32(4), ['at', b.timestamp(0, 0)]),
      row(b.int32(5), ['v', b.string(SECRET)]),
    ];
    await source.insert(second, 'orders', forms, { bypassEmptyTsReplacement: true });
    const db = source.client.db(second);
    await db.createCollection('log', { capped: true, size: 4096 });
    await db.createCollection('strict', { validator: { a: 1 }, collation: { locale: 'de' } });
    await db.createCollection('recent', { viewOn: 'orders', pipeline: [] });
    await db.collection('orders').createIndexes([
      { key: { a: 1 }, name: 'plain' },
      { key: { b: 'hashed' }, name: 'hash' },
      { key: { c: 1 }, name: 'part', partialFilterExpression: { c: 1 } },
      { key: { '$**': 1 }, name: 'all' },
    ]);
  });
  afterAll(async () => {
    await source[Symbol.asyncDispose]();
    await bucket[Symbol.asyncDispose]();
  });

  const run = async (args: readonly string[]) => {
    const result = await runWaybill(['assess', ...args]);
    expect(result.stdout + result.stderr).not.toContain(SECRET);
    return result;
  };
  const report = async (args: readonly string[]): Promise<AssessReport> => {
    const { stdout, stderr, exitCode } = await run([...args, ...include, '--json']);
    const parsed = JSON.parse(stdout) as AssessReport;
    expect(exitCode, stderr).toBe(parsed.taken ? 0 : 3);
    return parsed;
  };
  const found = ({ findings }: AssessReport) =>
    findings.map(({ level, rule, detail, count, namespaces }) =>
      [level, rule, ...(detail === null ? [] : [detail]), count, namespaces].join(' '),
    );
  const atSource = () => ['--source', servers.source.uri];
  const atBucket = () => ['--bucket', bucket.path];
  const capture = () =>
    runWaybill(['capture', ...atSource(), ...atBucket(), ...include, '--until', 'caught-up']);

  it('finds the same in a source and in the stream captured from it', async () => {
    const ofSource = await report([...atSource(), '--target-kind', 'firestore']);
    expect(ofSource).toMatchObject({ taken: false, targetKind: 'firestore' });
    expect(ofSource.looked).toMatchObject({
      at: 'source',
      collections: 4,
      views: 1,
      indexes: 4,
      documents: 2 * FIRESTORE_POISON.length + 5,
      sampled: [],
    });
    // One document of the corpus breaks two rules: its forbidden type stands in its _id.
    const byRule = Map.groupBy(FIRESTORE_POISON, ({ rule }) => rule);
    for (const [rule, cases] of byRule) {
      const some = ofSource.findings.filter((each) => each.rule === rule);
      expect(
        some.reduce((sum, { count }) => sum + count, 0),
        rule,
      ).toBe(cases.length);
      expect(some.every(({ example }) => example === `${first}.orders`)).toBe(true);
    }
    expect(found(ofSource)).toEqual(
      expect.arrayContaining([
        'refused id-type date 3 1',
        'refused id-type boolean 1 1',
        'refused bson-type DBRef 1 1',
        'altered value-form 2 1',
        'altered regex-order 1 1',
        'note empty-timestamp 1 1',
        'refused capped 1 1',
        'refused collection-option validator 1 1',
        'refused collection-option collation 1 1',
        'refused view 1 1',
        'refused index-refused hashed 1 1',
        'refused index-refused wildcard 1 1',
        'refused index-refused partialFilterExpression 1 1',
        'refused several-databases 2 2',
        'refused name-collision 1 1',
      ]),
    );
    // Nothing is there yet, so the source is looked at.
    const both = await report([...atSource(), ...atBucket(), '--target-kind', 'firestore']);
    expect(both.looked.at).toBe('source');

    const captured = await capture();
    expect(captured.exitCode, captured.stderr).toBe(0);
    const ofStream = await report([...atSource(), ...atBucket(), '--target-kind', 'firestore']);
    expect(ofStream.looked).toMatchObject({
      ...ofSource.looked,
      at: 'stream',
      place: `default of file://${bucket.path}`,
      changedDocuments: 0,
      structureChanges: 0,
    });
    expect(found(ofStream)).toEqual(found(ofSource));
  });

  it('reads changes of documents and of structure', async () => {
    const db = source.client.db(second);
    await db.collection('orders').updateOne({ _id: 5 as never }, { $set: { __bad__: 1 } });
    await db.collection('strict').rename('__strict__');
    await db.command({ collMod: 'orders', validator: { a: 1 } });
    await db.collection('log').createIndex({ d: '2d' });
    const captured = await capture();
    expect(captured.exitCode, captured.stderr).toBe(0);
    const more = await report([...atBucket(), '--target-kind', 'firestore']);
    expect(more.looked).toMatchObject({ changedDocuments: 1, structureChanges: 3 });
    expect(found(more)).toEqual(
      expect.arrayContaining([
        `refused field-name ${FIRESTORE_POISON.filter(({ rule }) => rule === 'field-name').length + 1} 2`,
        'refused rename 1 1',
        'refused modify 1 1',
        'refused collection-name 1 1',
        'refused index-refused 2d 1 1',
      ]),
    );
  });

  it('shows a table or Markdown, for any kind of target', async () => {
    const table = await run([...atBucket(), ...include, '--target-kind', 'firestore']);
    expect(table.exitCode).toBe(3);
    expect(table.stdout).toMatch(/^refused +id-type +type of _id: date +3 /m);
    expect(table.stdout).toContain('id-type: Give these documents other _ids on the source');
    expect(table.stdout).toMatch(
      /Firestore with MongoDB compatibility would refuse some of it: \d+ findings/,
    );
    const markdown = await run([...atBucket(), '--target-kind', 'firestore', '--markdown']);
    expect(markdown.stdout).toContain('| level | rule | what | count | example | what to do |');
    const genuine = await run([...atBucket(), '--target-kind', 'mongodb']);
    expect(genuine).toMatchObject({ exitCode: 0, stderr: '' });
    expect(genuine.stdout).toContain('No rule that is known of MongoDB refuses what was looked at.');
    const asked = await report([...atBucket(), '--target', servers.target.uri]);
    expect(asked).toMatchObject({ taken: true, targetKind: 'mongodb', findings: [] });
  });

  it('goes by the names of a mapping, and by a size that is given', async () => {
    const atFirestore = [...atBucket(), '--target-kind', 'firestore'];
    const rules = (some: AssessReport) =>
      some.findings.filter(({ of }) => of === 'names' || of === 'databases').map(({ rule }) => rule);
    expect(rules(await report([...atFirestore, '--map', '*.*=one.{db}_{coll}']))).toEqual([]);
    expect(rules(await report([...atFirestore, '--map', '*.*=one.*']))).toEqual(['name-collision']);
    const small = await report([...atBucket(), '--target-kind', 'mongodb', '--max-document-size', '1KiB']);
    expect(found(small)).toEqual([expect.stringMatching(/^refused document-size \d+ 1$/)]);
  });

  it('says what it sampled', async () => {
    const sampled = await report([...atSource(), '--target-kind', 'firestore', '--sample', '7']);
    const of = 2 * FIRESTORE_POISON.length;
    expect(sampled.looked.sampled).toEqual([{ namespace: `${first}.orders`, documents: 7, of }]);
    expect(sampled.looked.documents).toBe(12);
    const shown = await run([...atSource(), ...include, '--target-kind', 'firestore', '--sample', '7']);
    expect(shown.stdout).toContain(`sampled, not read whole: ${first}.orders (7 of about ${of})`);
  });

  it('is never fine where nothing was looked at', async () => {
    const nothing = await run([...atSource(), '--target-kind', 'firestore', '--include', 'no_such']);
    expect(nothing.exitCode).toBe(3);
    expect(nothing.stderr).toContain('ASSESS_NOTHING_SEEN');
    const missing = await run([...atBucket(), '--stream', 'other', '--target-kind', 'firestore']);
    expect(missing.stderr).toContain('STREAM_MISSING');
    expect((await run(['--target-kind', 'firestore'])).stderr).toContain('neither --bucket nor --source');
    expect((await run(atBucket())).stderr).toContain('assess needs a kind of target');
  });
});
