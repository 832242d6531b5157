import { ANY_CONNECTION } from '../rules/connection.ts';
import { ANY_DOCUMENT } from '../rules/documents.ts';
import { SPLIT_AT_DEADLINE } from '../rules/error-rule.ts';
import { ANY_INDEX } from '../rules/indexes.ts';
import { NO_RAMP } from '../rules/rate.ts';
import { ANY_STRUCTURE } from '../rules/structure.ts';
import type { TargetProfile } from './profile.ts';

/**
 * Whatever speaks MongoDB's protocol, and of which nothing else is known: small batches, no
 * transactions, and nothing that is not found by a probe.
 */
export const GENERIC: TargetProfile = {
  kind: 'generic',
  title: "a server that speaks MongoDB's protocol",
  recognition: { fields: [], hosts: [], command: null, isGenuine: false },
  connection: { ...ANY_CONNECTION, forced: [{ name: 'retryWrites', value: 'false' }] },
  implementation: 'mongodb',
  limits: {
    messageRoom: 1 << 20,
    transactionStatements: 20,
    transactionBytes: 4 << 20,
    statements: 200,
    commandBytes: 4 << 20,
    // No server is known to let a write run longer.
    writeMs: 120_000,
  },
  abilities: {
    keepsEmptyTimestamps: 'probe',
    hasTimestampFlag: false,
    updatesByPipeline: 'probe',
    takesComments: false,
    takesTimeLimits: 'probe',
    showsOperations: false,
    refusesLateWrites: false,
    confirmsJournal: false,
    bypassesValidation: 'probe',
    tellsPrivileges: false,
    tellsIdentity: false,
    readsMajority: false,
    readsByKeys: false,
    keepsTime: false,
    keepsUuids: false,
    keepsEmptyCollections: true,
    modifiesCollections: 'probe',
    renamesCollections: 'probe',
    convertsToUnique: false,
    hidesIndexes: false,
    buildsIndexesTogether: false,
    answersWhenBuilt: true,
  },
  documents: ANY_DOCUMENT,
  writes: { dollarNames: 'either' },
  // 6.5: nobody says that such a server can be told to keep it.
  canonical: { emptyTimestamps: true },
  // What such a server bears is not known: it is asked for less sooner.
  rate: { ...NO_RAMP, slowMs: 5000 },
  errors: [SPLIT_AT_DEADLINE],
  structure: ANY_STRUCTURE,
  indexes: ANY_INDEX,
};
