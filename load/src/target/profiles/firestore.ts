import { BsonType } from '@waybill/shared/bson/raw';
import { GENERIC } from './generic.ts';
import type { TargetProfile } from './profile.ts';

/**
 * Firestore with MongoDB compatibility. One connection reaches one database. It has neither
 * collMod, renameCollection nor bulkWrite, builds one index at a time, and ends every command after
 * a minute.
 */
export const FIRESTORE: TargetProfile = {
  ...GENERIC,
  kind: 'firestore',
  title: 'Firestore with MongoDB compatibility',
  recognition: { fields: [], hosts: [/\.firestore\.goog$/], command: null, isGenuine: false },
  connection: {
    forced: [
      { name: 'loadBalanced', value: 'true' },
      { name: 'tls', value: 'true', exceptLocally: true },
      // Behind a load balancer, the driver takes every server for one that has them.
      { name: 'retryWrites', value: 'false' },
    ],
    refused: ['replicaSet', 'directConnection', 'srvServiceName', 'srvMaxHosts'],
    hasOneHost: true,
    namesDatabase: true,
    logins: [
      { mechanism: null, user: 'needed', properties: [], source: null },
      { mechanism: 'SCRAM-SHA-256', user: 'needed', properties: [], source: null },
      {
        mechanism: 'MONGODB-OIDC',
        user: 'none',
        properties: ['ENVIRONMENT:gcp', 'TOKEN_RESOURCE:FIRESTORE'],
        source: null,
      },
      // The password is an access token, which is good for a short time.
      { mechanism: 'PLAIN', user: 'needed', properties: [], source: '$external' },
    ],
  },
  limits: { ...GENERIC.limits, statements: 500, commandBytes: 4 << 20, writeMs: 60_000 },
  abilities: {
    ...GENERIC.abilities,
    // It may ignore them, and says so.
    takesTimeLimits: true,
    // It takes no validators, so there is none to go past.
    bypassesValidation: false,
    readsMajority: true,
    // Its create does nothing.
    keepsEmptyCollections: false,
    modifiesCollections: false,
    renamesCollections: false,
    answersWhenBuilt: false,
  },
  // 2.3: nothing but an insert makes such a name.
  writes: { dollarNames: 'insert' },
  // 2.3; of _id also facts 5, of depth and types fact 4.
  documents: {
    rules: {
      id: {
        types: [
          BsonType.objectId,
          BsonType.string,
          BsonType.int64,
          BsonType.int32,
          BsonType.double,
          BsonType.binary,
          BsonType.document,
        ],
        bytes: 1500,
        refusesReserved: true,
        // Its page on limits.
        refusesInvalidUtf8: true,
      },
      names: {
        refusesEmpty: true,
        refusesReserved: true,
        refusesInvalidUtf8: true,
        bytes: 1500,
        pathBytes: 1500,
      },
      depth: 20,
      refusedTypes: [
        BsonType.dbPointer,
        BsonType.code,
        BsonType.codeWithScope,
        BsonType.symbol,
        BsonType.undefined,
      ],
      refusesDbRefs: true,
      // The years 1 to 9999.
      dates: { first: -62_135_596_800_000, last: 253_402_300_799_999 },
      regexOptions: 'imsux',
    },
    collections: { bytes: 1500, refusesReserved: true, refusesDollar: true, refusesSystem: true },
  },
  // 2.3, and fact 4.
  canonical: { ...GENERIC.canonical, nan: true, decimalSpecials: true, regexOptions: true },
  // A collection is spread over more servers as it is written. 500 a second is what any collection
  // takes at once.
  rate: { ramp: { startPerSecond: 500, growth: 1.5, everyMs: 60_000 }, slowMs: 5000, spreadsRanges: true },
  errors: [
    ...GENERIC.errors,
    {
      code: 'BadValue',
      text: /transaction.*(?:unknown|not found|expired|no such)|(?:unknown|no such).*transaction/i,
      class: 'transient',
      reason: 'the words say that a transaction is gone: the batch goes again',
    },
    {
      code: 'BadValue',
      class: 'poison',
      reason: 'a value, a depth or an index entry that it does not take, which is no matter of time',
    },
  ],
  // 2.2.
  structure: {
    hasViews: false,
    refusedOptions: [
      'capped',
      'timeseries',
      'expireAfterSeconds',
      'clusteredIndex',
      'changeStreamPreAndPostImages',
      'storageEngine',
      'validator',
      'validationLevel',
      'validationAction',
      'indexOptionDefaults',
      'collation',
      'encryptedFields',
    ],
  },
  // 2.4, and of fields 1.
  indexes: {
    ...GENERIC.indexes,
    refusedKinds: ['hashed', '2d', 'wildcard'],
    refusedFields: ['partialFilterExpression', 'collation'],
    keyFields: 100,
    entryBytes: 7680,
  },
};
