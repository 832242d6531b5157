/** Atlas Flex and M0: section 4 of the target reference. A proxy before MongoDB's own server. */
import { onlyMember, PLAIN } from './plain.ts';
import { fault, type StandInRules } from './rules.ts';

/** 4: all but administration. Which commands that is in all, the reference does not say. */
const LACKS = new Set(
  ['replSetGetConfig', 'replSetReconfig', 'getParameter', 'setParameter', 'setUserWriteBlockMode'].concat(
    ['killOp', 'fsync', 'compact', 'createUser', 'createRole', 'dropUser', 'shutdown', 'top', 'getLog'],
    ['convertToCapped', 'reIndex', 'validate', 'applyOps', 'logRotate', 'connPoolStats'],
  ),
);

const refused = (command: string) =>
  fault(8000, 'AtlasError', `${command} is not allowed or the syntax is incorrect`);

export const ATLAS_FLEX: StandInRules = {
  ...PLAIN,
  title: 'MongoDB Atlas, Flex or M0',
  lacks: (command) => (LACKS.has(command) ? refused(command) : null),
  commands: [
    {
      // 4: restricted on the databases of the server itself.
      name: 'no-local-database',
      commands: null,
      refuses: ({ command, database }) =>
        database === 'local' || (database === 'config' && command !== 'find') ? refused(command) : null,
    },
    {
      // 4: no looks at other users' operations.
      name: 'no-operations-of-others',
      commands: ['aggregate'],
      refuses: (request) =>
        request
          .documents('pipeline')
          .some((stage) => stage.includes('$currentOp') && stage.includes('allUsers\0\x01'))
          ? refused('aggregate')
          : null,
    },
  ],
  hello: (reply, host) => onlyMember(reply, 'atlas-flex', host),
  // 4: too much shows as latency, resets or 8000; servers from 9.0 label it.
  pushback: fault(
    462,
    'IngressRequestRateLimitExceeded',
    'the rate limit of the tier is exceeded',
    'SystemOverloadedError',
    'RetryableError',
  ),
};
