import type { TargetProfile } from './profile.ts';

/**
 * MongoDB itself, and whatever speaks its protocol and has no profile of its own: so abilities that
 * such a server may lack are probed, where a probe changes nothing.
 */
export const MONGODB: TargetProfile = {
  name: 'mongodb',
  recognises: () => true,
  implementation: 'mongodb',
  limits: {
    messageRoom: 1 << 20,
    transactionStatements: 20,
    // 4.0 takes 16 MB with what it adds. What a transaction has written stays in the server's cache
    // until its end.
    transactionBytes: 12 << 20,
  },
  abilities: {
    keepsEmptyTimestamps: 'probe',
    convertsToUnique: [6, 0],
    hidesIndexes: [4, 4],
    takesComments: [4, 4],
    refusesLateWrites: 'probe',
  },
};
