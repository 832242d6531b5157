/** ApsaraDB for MongoDB, sharded: section 3 of the target reference. Put it before a mongos. */
import { PLAIN } from './plain.ts';
import { fault, type StandInRules } from './rules.ts';

const refused = (text: string) => fault(13, 'Unauthorized', text);
const WRITES = ['insert', 'update', 'delete', 'findAndModify', 'create', 'createIndexes', 'drop', 'collMod'];
/** 3: named as not supported. */
const LACKS = new Set(['group', 'eval', 'copydbgetnonce', 'getnonce']);

export const APSARADB_SHARDED: StandInRules = {
  ...PLAIN,
  title: 'ApsaraDB for MongoDB, sharded',
  lacks: (command) =>
    LACKS.has(command) ? fault(59, 'CommandNotFound', `no such command: '${command}'`) : null,
  commands: [
    {
      // 3: users may not write to admin.
      name: 'admin-read-only',
      commands: WRITES,
      refuses: ({ database }) => (database === 'admin' ? refused('the database admin is read-only') : null),
    },
    {
      // 3: config.collections may be unreadable.
      name: 'config-unreadable',
      commands: ['find', 'aggregate', 'count', 'listCollections'],
      refuses: ({ database }) => (database === 'config' ? refused('not authorized on config') : null),
    },
  ],
  hello: (reply) => ({ ...reply, msg: 'isdbgrid' }),
};
