import { ANY_CONNECTION } from '../rules/connection.ts';
import { ANY_DOCUMENT } from '../rules/documents.ts';
import { ANY_INDEX } from '../rules/indexes.ts';
import { NO_RAMP } from '../rules/rate.ts';
import { ANY_STRUCTURE } from '../rules/structure.ts';
import { ANY_FORM } from '../rules/writes.ts';
import type { TargetProfile } from './profile.ts';

/**
 * MongoDB itself. Abilities that a build may lack are probed, where a probe changes nothing.
 */
export const MONGODB: TargetProfile = {
  kind: 'mongodb',
  title: 'MongoDB',
  recognition: { fields: ['buildInfo.allocator'], hosts: [], command: null, isGenuine: true },
  connection: ANY_CONNECTION,
  implementation: 'mongodb',
  limits: {
    messageRoom: 1 << 20,
    transactionStatements: 20,
    // 4.0 takes 16 MB with what it adds. What a transaction has written stays in the server's cache
    // until its end.
    transactionBytes: 12 << 20,
    statements: null,
    commandBytes: null,
    writeMs: null,
  },
  abilities: {
    keepsEmptyTimestamps: 'probe',
    hasTimestampFlag: true,
    updatesByPipeline: [4, 2],
    takesComments: [4, 4],
    takesTimeLimits: true,
    showsOperations: true,
    refusesLateWrites: 'probe',
    confirmsJournal: true,
    bypassesValidation: true,
    tellsPrivileges: true,
    tellsIdentity: true,
    readsMajority: true,
    readsByKeys: true,
    keepsTime: true,
    keepsUuids: true,
    keepsEmptyCollections: true,
    modifiesCollections: true,
    renamesCollections: true,
    convertsToUnique: [6, 0],
    hidesIndexes: [4, 4],
    buildsIndexesTogether: true,
    answersWhenBuilt: true,
  },
  documents: {
    ...ANY_DOCUMENT,
    // 3, and seen on 4.0: dots are taken, and dollar signs inside.
    before: [
      { version: [5, 0], rules: { names: { refusesDollarAtTop: true } } },
      // An index key has less than 1,024 bytes, 12 of them around a text.
      { version: [4, 2], rules: { id: { bytes: 1011 } } },
    ],
  },
  writes: ANY_FORM,
  canonical: null,
  rate: NO_RAMP,
  errors: [],
  structure: ANY_STRUCTURE,
  indexes: ANY_INDEX,
};
