/**
 * INV-7: a load finds and names what is damaged, truncated, foreign or of a later format, before
 * anything of it or after it reaches the target.
 */
import { createHash } from 'node:crypto';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { awaitUntil } from '../support/await-until.ts';
import { type TemporaryBucket, temporaryBucket } from '../support/bucket.ts';
import { type TestClient, testClient } from '../support/raw.ts';
import { describeWithServer, uniqueName } from '../support/servers.ts';
import { type CommandResult, runWaybill, spawnWaybill } from '../support/waybill.ts';
import { StoredStream, seal } from './stored-stream.ts';

/** In documents and their `_id`s. It must never be printed. */
const SECRET = 'PLANTED-VALUE';
const DOCUMENTS = 400;

interface Damage {
  readonly what: string;
  readonly code: string;
  /** What the error must name. */
  readonly names: (stream: StoredStream) => Promise<string>;
  readonly spoil: (stream: StoredStream) => Promise<void>;
}

const snapshotOf = (collection: string) => (stream: StoredStream) =>
  stream.segment(
    ({ kind, namespace }) => kind === 'snapshot' && namespace?.endsWith(`.${collection}`) === true,
  );
const changes = (stream: StoredStream) => stream.segment(({ kind }) => kind === 'changes');
const flip = (bytes: Buffer, at: number): Buffer => {
  const copy = Buffer.from(bytes);
  copy[at]! ^= 0x10;
  return copy;
};

function segmentDamages(pick: (stream: StoredStream) => Promise<{ readonly key: string }>): Damage[] {
  const names = async (stream: StoredStream) => (await pick(stream)).key;
  const spoil = (change: (bytes: Buffer) => Buffer | null) => async (stream: StoredStream) =>
    stream.rewrite(stream.path((await pick(stream)).key), change);
  return [
    { what: 'cut short', code: 'SEGMENT_CORRUPT', names, spoil: spoil((bytes) => bytes.subarray(0, -7)) },
    {
      what: 'with one bit flipped',
      code: 'SEGMENT_CORRUPT',
      names,
      spoil: spoil((b) => flip(b, b.length >> 1)),
    },
    {
      what: 'with bytes behind it',
      code: 'SEGMENT_CORRUPT',
      names,
      spoil: spoil((b) => Buffer.concat([b, b])),
    },
    { what: 'empty', code: 'SEGMENT_CORRUPT', names, spoil: spoil(() => Buffer.alloc(0)) },
    { what: 'that is missing', code: 'BUCKET_OBJECT_MISSING', names, spoil: spoil(() => null) },
    {
      what: 'in whose place another whole segment stands',
      code: 'SEGMENT_CORRUPT',
      names,
      spoil: async (stream) => {
        const other = await readFile(stream.path((await snapshotOf('other')(stream)).key));
        await stream.rewrite(stream.path((await pick(stream)).key), () => other);
      },
    },
  ];
}

const head = async (stream: StoredStream): Promise<number> => (await stream.commits()).length;
/** The commit with the changes. */
const theCommit = async (stream: StoredStream): Promise<number> => (await changes(stream)).seq;
const isNamed = async (stream: StoredStream): Promise<string> => `commit ${await theCommit(stream)} `;
const inCommit = (change: (bytes: Buffer) => Buffer | null) => async (stream: StoredStream) =>
  stream.rewrite(stream.commitPath(await theCommit(stream)), change);
const amended = (fields: Readonly<Record<string, unknown>>) => async (stream: StoredStream) =>
  stream.amend(stream.commitPath(await theCommit(stream)), fields);

const MANIFEST: readonly Damage[] = [
  {
    what: 'a commit with the wrong hash of the one before',
    code: 'MANIFEST_CORRUPT',
    names: isNamed,
    spoil: amended({ previous: 'ab'.repeat(32) }),
  },
  {
    what: 'a commit before it that was changed, and has a fitting checksum of its own',
    code: 'MANIFEST_CORRUPT',
    names: isNamed,
    spoil: async (stream) =>
      stream.amend(stream.commitPath((await theCommit(stream)) - 1), { at: '2020-01-01T00:00:00.000Z' }),
  },
  {
    what: 'a commit with one bit flipped',
    code: 'MANIFEST_CORRUPT',
    names: isNamed,
    spoil: inCommit((b) => flip(b, 40)),
  },
  {
    what: 'a commit cut short',
    code: 'MANIFEST_CORRUPT',
    names: isNamed,
    spoil: inCommit((b) => b.subarray(0, -20)),
  },
  {
    what: 'a foreign file in place of a commit',
    code: 'MANIFEST_CORRUPT',
    names: isNamed,
    spoil: inCommit(() => Buffer.from('{"hello": "world"}\n')),
  },
  { what: 'a commit that is missing', code: 'MANIFEST_CORRUPT', names: isNamed, spoil: inCommit(() => null) },
  {
    what: 'a commit that needs a feature of the future',
    code: 'FORMAT_UNSUPPORTED',
    names: async () => 'time-travel',
    spoil: amended({ features: ['time-travel'] }),
  },
  {
    what: 'a commit of a later format version',
    code: 'FORMAT_UNSUPPORTED',
    names: async () => 'format version 99',
    spoil: amended({ formatVersion: 99 }),
  },
  {
    what: 'a commit with a field that nobody knows',
    code: 'FORMAT_UNSUPPORTED',
    names: async () => 'surprise',
    spoil: amended({ surprise: true }),
  },
  {
    what: 'a stream.json that needs a feature of the future',
    code: 'FORMAT_UNSUPPORTED',
    names: async () => 'time-travel',
    spoil: (stream) => stream.amend(stream.path('stream.json'), { features: ['time-travel'] }),
  },
];

await describeWithServer('a load of a damaged stream', (servers) => {
  let whole: TemporaryBucket;
  let client: TestClient;
  const database = uniqueName('damage');
  let loads = 0;

  const capture = () =>
    runWaybill([
      ...['capture', '--source', servers.source.uri, '--bucket', whole.path, '--include', database],
      ...['--until', 'caught-up'],
    ]);
  const loadArgs = (bucket: string, name: string, until: string): string[] => [
    ...['load', '--bucket', bucket, '--target', servers.target.uri, '--load', name, '--until', until],
  ];
  const newLoad = (): string => `damage-${++loads}`;

  beforeAll(async () => {
    whole = await temporaryBucket();
    client = await testClient(servers.target.uri);
    await using source = await testClient(servers.source.uri);
    const db = source.client.db(database);
    for (const name of ['things', 'other']) {
      const documents = Array.from({ length: DOCUMENTS }, (_, n) => ({
        _id: `${SECRET} ${n}`,
        n,
        text: SECRET,
      }));
      await db.collection<{ _id: string }>(name).insertMany(documents);
    }
    expect((await capture()).exitCode).toBe(0);
    await db.collection('things').updateMany({ n: { $lt: 100 } }, { $set: { changed: SECRET } });
    await db.collection('things').deleteMany({ n: { $gte: 300 } });
    expect((await capture()).exitCode).toBe(0);
  });
  afterAll(async () => {
    await client[Symbol.asyncDispose]();
    await whole[Symbol.asyncDispose]();
  });

  /**
   * Every collection of the target's database with how many documents it holds, and a hash of their
   * bytes.
   */
  async function stored(): Promise<Record<string, string>> {
    const found: Record<string, string> = {};
    for (const { name } of await client.client.db(database).listCollections().toArray()) {
      const bytes = await Array.fromAsync(client.read(database, name));
      const texts = bytes.map((each) => each.toString('latin1')).sort();
      found[name] = `${texts.length} ${createHash('sha256').update(texts.join()).digest('hex')}`;
    }
    return found;
  }

  /** A copy of the stream to spoil. */
  async function copy(): Promise<TemporaryBucket> {
    const folder = await temporaryBucket();
    await cp(whole.path, folder.path, { recursive: true });
    return folder;
  }

  function expectNamed(
    { exitCode, stdout, stderr }: CommandResult,
    code: string,
    name: string,
    what = '',
  ): void {
    expect(stderr, what).toContain(`code: ${code}`);
    expect(stderr, what).toContain(name);
    expect(exitCode).toBe(1);
    expect(stdout + stderr).not.toContain(SECRET);
    expect(stderr).not.toMatch(/\n\s+at /);
  }

  it('names a damaged snapshot segment and applies nothing of it', async () => {
    for (const { what, code, names, spoil } of segmentDamages(snapshotOf('things'))) {
      await client.client.db(database).dropDatabase();
      await using folder = await copy();
      const stream = new StoredStream(folder.path);
      const name = await names(stream);
      await spoil(stream);
      expectNamed(await runWaybill(loadArgs(folder.path, newLoad(), 'caught-up')), code, name, what);
      const { things = 'none' } = await stored();
      expect(things, what).toMatch(/^(none|0 )/);
    }
  });

  it('names a damaged change segment and leaves the target as it was', async () => {
    for (const { what, code, names, spoil } of segmentDamages(changes)) {
      await client.client.db(database).dropDatabase();
      await using folder = await copy();
      const load = newLoad();
      expect((await runWaybill(loadArgs(folder.path, load, 'snapshot-applied'))).exitCode).toBe(0);
      const before = await stored();
      expect(before.things).toMatch(/^400 /);
      const stream = new StoredStream(folder.path);
      const name = await names(stream);
      await spoil(stream);
      expectNamed(await runWaybill(loadArgs(folder.path, load, 'caught-up')), code, name, what);
      expect(await stored(), what).toEqual(before);
    }
  });

  it('names what is wrong with the manifest and applies nothing from there on', async () => {
    await client.client.db(database).dropDatabase();
    expect((await runWaybill(loadArgs(whole.path, newLoad(), 'snapshot-applied'))).exitCode).toBe(0);
    const snapshot = await stored();
    for (const { what, code, names, spoil } of MANIFEST) {
      await client.client.db(database).dropDatabase();
      await using folder = await copy();
      const stream = new StoredStream(folder.path);
      const name = await names(stream);
      await spoil(stream);
      expectNamed(await runWaybill(loadArgs(folder.path, newLoad(), 'caught-up')), code, name, what);
      expect([{}, snapshot], what).toContainEqual(await stored());
    }
  });

  it('stops before a commit that turns up damaged while it follows the stream', async () => {
    await client.client.db(database).dropDatabase();
    await using folder = await copy();
    const stream = new StoredStream(folder.path);
    const seq = (await head(stream)) + 1;
    await using load = spawnWaybill(loadArgs(folder.path, newLoad(), 'caught-up').slice(0, -2));
    await awaitUntil('the load has caught up', () => load.stderr.includes('milestone=caught-up'));
    const before = await stored();
    expect(before.things).toMatch(/^300 /);
    // The change segment of an earlier commit again: its form is right, but it doesn't chain.
    const earlier = JSON.parse(await readFile(stream.commitPath((await changes(stream)).seq), 'utf8'));
    const { checksum: _, ...commit } = earlier;
    await writeFile(stream.commitPath(seq), seal({ ...commit, seq, previous: '00'.repeat(32) }));
    expectNamed(await load.ended, 'MANIFEST_CORRUPT', `commit ${seq}`);
    expect(await stored()).toEqual(before);
  });

  it('no capture goes on with such a stream', async () => {
    await using folder = await copy();
    const stream = new StoredStream(folder.path);
    const seq = await theCommit(stream);
    const commits = await head(stream);
    await amended({ previous: 'ab'.repeat(32) })(stream);
    const args = ['--source', servers.source.uri, '--include', database, '--until', 'caught-up'];
    const result = await runWaybill(['capture', '--bucket', folder.path, ...args]);
    expectNamed(result, 'MANIFEST_CORRUPT', `commit ${seq} `);
    expect(await head(stream)).toBe(commits);
  });
});
