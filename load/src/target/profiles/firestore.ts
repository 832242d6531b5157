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
  recognition: { fields: [], hosts: [/\.firestore\.goog$/], isGenuine: false },
  connection: {
    forced: [
      { name: 'loadBalanced', value: true },
      { name: 'tls', value: true, exceptLocally: true },
      // Behind a load balancer, the driver takes every server for one that has them.
      { name: 'retryWrites', value: false },
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
    confirmsJournal: false,
    // It takes no validators, so there is none to go past.
    bypassesValidation: false,
    modifiesCollections: false,
    renamesCollections: false,
  },
};
