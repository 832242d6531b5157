import { describe, expect, it } from 'vitest';
import { PROFILES } from '../profiles/all.ts';
import type { TargetKind } from '../profiles/profile.ts';
import { assertNotRefused, commandsToAsk, detectProfile, guessProfile, isContradicted } from './detect.ts';

const MONGODB = ['hello.setName', 'buildInfo.version', 'buildInfo.allocator', 'buildInfo.storageEngines'];
const ANOTHER = ['hello.maxWireVersion', 'buildInfo.version', 'buildInfo.versionArray'];

/** What servers say and are called, with the section of the target reference that has it. */
describe('a server is recognised', () => {
  it.each([
    // 4: genuine servers behind names of Atlas.
    ['mongodb+srv://cluster0.ab1cd.mongodb.net', MONGODB, 'atlas'],
    // 1, 3: hosts of ApsaraDB, private and public.
    [
      'mongodb://dds-1.mongodb.rds.aliyuncs.com:3717,dds-2.mongodb.rds.aliyuncs.com:3717',
      MONGODB,
      'apsaradb',
    ],
    ['mongodb://s-1.mongodb.singapore.rds.aliyuncs.com:3717', MONGODB, 'apsaradb'],
    // 1, 5: hosts of DocumentDB, and of its elastic clusters.
    ['mongodb://shop.cluster-abc.eu-west-1.docdb.amazonaws.com:27017', ANOTHER, 'documentdb'],
    ['mongodb://shop-1.eu-west-1.docdb-elastic.amazonaws.com', ANOTHER, 'documentdb'],
    // 5: hello.internal.documentdb_versions, msg isdbgrid.
    ['mongodb://10.0.0.4:10260', [...ANOTHER, 'hello.internal.documentdb_versions'], 'azure-documentdb'],
    ['mongodb://10.0.0.4:10260', [...ANOTHER, 'hello.internal.cosmos_versions'], 'azure-documentdb'],
    ['mongodb+srv://shop.mongocluster.cosmos.azure.com', ANOTHER, 'azure-documentdb'],
    // 2.1: UID.LOCATION.firestore.goog:443.
    [
      'mongodb://00000000-1111-4222-8333-444444444444.nam5.firestore.goog:443',
      [...ANOTHER, 'hello.serviceId'],
      'firestore',
    ],
    // 5, 7: keys of FerretDB in buildInfo, of versions 1 and 2.
    ['mongodb://127.0.0.1:27017', [...ANOTHER, 'buildInfo.ferretdb'], 'ferretdb'],
    ['mongodb://127.0.0.1:27017', [...ANOTHER, 'buildInfo.ferretdbVersion'], 'ferretdb'],
    ['mongodb://127.0.0.1:27017', MONGODB, 'mongodb'],
    // 5: everything off for the unknown.
    ['mongodb://127.0.0.1:27017', ANOTHER, 'generic'],
  ])('at %s', (url, fields, kind) => {
    expect(detectProfile({ fields: new Set(fields) }, url).kind).toBe(kind);
  });

  it('by what it says, where its hosts are called otherwise', () => {
    const at = (url: string, fields: readonly string[]) =>
      detectProfile({ fields: new Set(fields) }, url).kind;
    expect(at('mongodb://a.nam5.firestore.goog:443', MONGODB)).toBe('mongodb');
    expect(at('mongodb://a.docdb.amazonaws.com', MONGODB)).toBe('mongodb');
    expect(at('mongodb+srv://a.mongodb.net', ANOTHER)).toBe('generic');
    expect(at('mongodb://a.docdb.amazonaws.com', [...ANOTHER, 'buildInfo.ferretdb'])).toBe('ferretdb');
    expect(at('mongodb://mongodb.net.example.org', MONGODB)).toBe('mongodb');
  });
});

describe('a tier of Atlas', () => {
  const url = 'mongodb+srv://cluster0.ab1cd.mongodb.net';

  it('is told by the command that only shared ones have', () => {
    expect(commandsToAsk(url)).toEqual(['atlasSize']);
    expect(commandsToAsk('mongodb://127.0.0.1')).toEqual([]);
    const kind = (...commands: string[]) =>
      detectProfile({ fields: new Set(MONGODB) }, url, new Set(commands)).kind;
    expect([kind(), kind('atlasSize')]).toEqual(['atlas', 'atlas-flex']);
  });
});

it('guesses by hosts alone before a server is asked', () => {
  const guess = (url: string) => guessProfile(url)?.kind ?? null;
  expect(guess('mongodb://a.nam5.firestore.goog:443')).toBe('firestore');
  expect(guess('mongodb+srv://a.mongodb.net')).toBe('atlas');
  expect(guess('mongodb://10.0.0.4')).toBeNull();
});

it('refuses Cosmos DB with request units', () => {
  const refused = expect.objectContaining({ code: 'TARGET_UNSUPPORTED' });
  expect(() => assertNotRefused(null, 'mongodb://a.mongo.cosmos.azure.com:10255')).toThrow(refused);
  expect(() => assertNotRefused({ fields: new Set(['buildInfo._t']) }, 'mongodb://10.0.0.4')).toThrow(
    refused,
  );
  assertNotRefused(null, 'mongodb+srv://a.mongocluster.cosmos.azure.com');
  assertNotRefused({ fields: new Set(MONGODB) }, 'mongodb://10.0.0.4');
});

it.each<[TargetKind, readonly string[], boolean]>([
  ['firestore', MONGODB, true],
  ['mongodb', ANOTHER, true],
  ['firestore', [...ANOTHER, 'buildInfo.ferretdb'], true],
  ['firestore', ANOTHER, false],
  ['tencentdb', MONGODB, false],
  ['ferretdb', [...ANOTHER, 'buildInfo.ferretdb'], false],
  ['generic', MONGODB, false],
])('a target that is named %s and says %j', (kind, said, isWrong) => {
  const fields = new Set(said);
  const detected = detectProfile({ fields }, 'mongodb://10.0.0.4');
  expect(isContradicted(PROFILES[kind], detected, { fields })).toBe(isWrong);
});
