import { ANY_CONNECTION } from '../rules/connection.ts';
import { GENERIC } from './generic.ts';
import type { TargetProfile } from './profile.ts';

/**
 * Amazon DocumentDB: an engine of its own. It has transactions, but no retryable writes before
 * 8.0.2, and refuses transaction numbers outside of a transaction. So nothing of it keeps late
 * writes out. It builds one index of a collection at a time.
 */
export const DOCUMENTDB: TargetProfile = {
  ...GENERIC,
  kind: 'documentdb',
  title: 'Amazon DocumentDB',
  recognition: {
    fields: [],
    hosts: [/\.docdb(?:-elastic)?\.amazonaws\.com(?:\.cn)?$/],
    command: null,
    isGenuine: false,
  },
  connection: {
    ...ANY_CONNECTION,
    forced: [{ name: 'retryWrites', value: 'false', before: [8, 0, 2] }],
  },
  limits: {
    ...GENERIC.limits,
    statements: 1000,
    commandBytes: 8 << 20,
  },
  // 5.
  structure: { hasViews: true, refusedOptions: ['capped', 'collation'] },
  // 5, and of their number 1.
  indexes: { ...GENERIC.indexes, refusedFields: ['collation'], perCollection: 64 },
};
