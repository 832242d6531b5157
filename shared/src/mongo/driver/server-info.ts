import { elements } from '../../bson/raw.ts';
import { hasServerCode } from './classify.ts';
import { type CommandReply, replyNumber, replyText } from './reply.ts';

export type Topology = 'replicaSet' | 'sharded' | 'standalone' | 'loadBalanced';

/** What the server says about itself (hello and buildInfo). Sizes are in bytes. */
export interface ServerInfo {
  readonly version: string;
  readonly versionArray: readonly number[];
  readonly wireVersion: number;
  readonly topology: Topology;
  readonly setName: string | null;
  /** Takes writes. False only for a member of a replica set that is not the primary. */
  readonly isWritable: boolean;
  /** The primary, as a member of a replica set names it; null if it knows none. */
  readonly primary: string | null;
  readonly maxBsonObjectSize: number;
  readonly maxMessageSizeBytes: number;
  readonly maxWriteBatchSize: number;
  /** It knows logical sessions. */
  readonly hasSessions: boolean;
  /**
   * Names of all fields of its hello and buildInfo, and of the documents in them, as
   * `hello.internal` and `buildInfo.openssl.running`: they tell other servers from MongoDB's.
   */
  readonly fields: ReadonlySet<string>;
}

type RunAdmin = (command: Record<string, unknown>) => Promise<CommandReply>;

/** Behind a load balancer, only the driver's own hello says what is there. */
export async function readServerInfo(run: RunAdmin, isLoadBalanced: boolean): Promise<ServerInfo> {
  const hello = await readHello(run);
  const build = await run({ buildInfo: 1 });
  const version = replyText(build, 'version') ?? '0.0.0';
  const setName = replyText(hello, 'setName') ?? null;
  return {
    version,
    versionArray: Array.isArray(build.versionArray)
      ? build.versionArray.map(Number)
      : versionNumbers(version),
    wireVersion: replyNumber(hello, 'maxWireVersion') ?? 0,
    topology: isLoadBalanced ? 'loadBalanced' : topologyOf(hello, setName),
    setName,
    isWritable: (hello.isWritablePrimary ?? hello.ismaster) !== false,
    primary: replyText(hello, 'primary') ?? null,
    maxBsonObjectSize: replyNumber(hello, 'maxBsonObjectSize') ?? 16 * 1024 * 1024,
    maxMessageSizeBytes: replyNumber(hello, 'maxMessageSizeBytes') ?? 48_000_000,
    maxWriteBatchSize: replyNumber(hello, 'maxWriteBatchSize') ?? 100_000,
    hasSessions: isLoadBalanced || replyNumber(hello, 'logicalSessionTimeoutMinutes') !== undefined,
    fields: new Set([...fieldNames('hello', hello), ...fieldNames('buildInfo', build)]),
  };
}

function fieldNames(of: string, reply: CommandReply): string[] {
  return Object.entries(reply).flatMap(([name, value]) => [
    `${of}.${name}`,
    ...(Buffer.isBuffer(value) ? namesIn(value).map((inner) => `${of}.${name}.${inner}`) : []),
  ]);
}

/** None in a Buffer that is no document: the reply does not tell it from binary data. */
function namesIn(value: Buffer): string[] {
  try {
    return [...elements(value)].map(({ name }) => name);
  } catch {
    return [];
  }
}

/** 4.0 has no `hello`. */
async function readHello(run: RunAdmin): Promise<CommandReply> {
  try {
    return await run({ hello: 1 });
  } catch (error) {
    if (!hasServerCode(error, 'CommandNotFound')) throw error;
    return run({ isMaster: 1 });
  }
}

function topologyOf(hello: CommandReply, setName: string | null): Topology {
  if (hello.msg === 'isdbgrid') return 'sharded';
  if (setName !== null) return 'replicaSet';
  return 'standalone';
}

function versionNumbers(version: string): number[] {
  return version.split(/[.-]/, 4).map((part) => Number.parseInt(part, 10) || 0);
}

/** True if the server is of that version or later. */
export function isAtLeast(
  server: Pick<ServerInfo, 'versionArray'>,
  major: number,
  minor = 0,
  patch = 0,
): boolean {
  const [haveMajor = 0, haveMinor = 0, havePatch = 0] = server.versionArray;
  if (haveMajor !== major) return haveMajor > major;
  if (haveMinor !== minor) return haveMinor > minor;
  return havePatch >= patch;
}
