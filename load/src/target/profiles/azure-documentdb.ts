import { ANY_DOCUMENT } from '../rules/documents.ts';
import { GENERIC } from './generic.ts';
import type { TargetProfile } from './profile.ts';

/**
 * Azure DocumentDB, which was Cosmos DB for MongoDB vCore: PostgreSQL with an extension behind a
 * gateway that looks like a mongos. It ends a command after two minutes, and builds one index of a
 * collection at a time.
 */
export const AZURE_DOCUMENTDB: TargetProfile = {
  ...GENERIC,
  kind: 'azure-documentdb',
  title: 'Azure DocumentDB',
  recognition: {
    // The older name is that of clusters which have not been upgraded.
    fields: ['hello.internal.documentdb_versions', 'hello.internal.cosmos_versions'],
    hosts: [/\.mongocluster\.cosmos\.azure\.com$/],
    command: null,
    isGenuine: false,
  },
  limits: { ...GENERIC.limits, statements: 500, writeMs: 120_000 },
  // 5: an _id of at most 2 KB.
  documents: { ...ANY_DOCUMENT, rules: { id: { bytes: 2048 } } },
  errors: [
    ...GENERIC.errors,
    {
      code: 'MaxTimeMSExpired',
      of: 'command',
      class: 'split',
      pushesBack: true,
      reason: "the command met the gateway's own limit of two minutes",
    },
  ],
  // 5.
  indexes: { ...GENERIC.indexes, keyFields: 32, perCollection: 300 },
};
