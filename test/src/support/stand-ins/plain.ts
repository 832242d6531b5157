/** A stand-in without rules, on which the others build. */
import { fault, type Reply, type StandInRules } from './rules.ts';

/** What tells a replica set's member, and MongoDB's own server. */
const OF_MEMBERS = new Set(
  ['setName', 'setVersion', 'hosts', 'primary', 'me', 'electionId', 'lastWrite', 'secondary'].concat([
    'passives',
    'arbiters',
    'tags',
    'hidden',
    'isreplicaset',
  ]),
);
const OF_GENUINE = new Set([
  'allocator',
  'storageEngines',
  'gitVersion',
  'openssl',
  'javascriptEngine',
  'modules',
]);

const leaveOut = (reply: Reply, names: ReadonlySet<string>): Reply =>
  Object.fromEntries(Object.entries(reply).filter(([name]) => !names.has(name)));

/** Not a member of a replica set that the driver could look for. */
export const alone = (reply: Reply): Reply => leaveOut(reply, OF_MEMBERS);

/** A member of a replica set of one. */
export const onlyMember = (reply: Reply, setName: string, host: string): Reply => ({
  ...alone(reply),
  ...{ setName, hosts: [host], primary: host, me: host, setVersion: 1 },
});

/** A server of another make, which says that it is of that version. */
export const imitation = (reply: Reply, major: number, minor = 0, patch = 0): Reply => ({
  ...leaveOut(reply, OF_GENUINE),
  version: `${major}.${minor}.${patch}`,
  versionArray: [major, minor, patch, 0],
});

export const PLAIN: StandInRules = {
  title: 'a server as it is',
  lacks: () => null,
  commands: [],
  documents: [],
  ignored: new Set(),
  withoutEffect: new Set(),
  hello: alone,
  buildInfo: (reply) => reply,
  tells: { times: true, uuids: true },
  alter: null,
  needsLoadBalanced: false,
  buildsLater: false,
  pushback: fault(112, 'WriteConflict', 'too many writes'),
  deadline: fault(50, 'MaxTimeMSExpired', 'operation exceeded time limit'),
};
