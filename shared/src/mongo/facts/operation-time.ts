/** The source's clock. */
import { hasCode, WaybillError } from '../../base/errors.ts';
import type { ClusterTime } from '../../base/position.ts';
import { hasServerCode } from '../driver/classify.ts';
import type { MongoConnection } from '../driver/connection.ts';
import type { CommandReply } from '../driver/reply.ts';
import { replyOperationTime } from '../driver/reply.ts';

export interface OperationTimeOptions {
  readonly signal?: AbortSignal | undefined;
}

const MAJORITY_WAIT_MS = 30_000;

/**
 * A cluster time at or after every write that was acknowledged before the call. The cutover needs
 * it: once writes have stopped, a change stream that has passed this time has everything.
 *
 * Replica set: a linearizable read. The server writes a no-op and waits until a majority has it, so
 * the time is majority-committed. A primary that was deposed without knowing it cannot answer with
 * an old time. (A ping's operation time can be such an old one.)
 *
 * Sharded cluster: a mongos knows only of what went through it. So the command is one that every
 * shard answers; the reply's operation time is the latest of theirs.
 */
export async function currentOperationTime(
  connection: MongoConnection,
  options: OperationTimeOptions = {},
): Promise<ClusterTime> {
  const { signal } = options;
  const run = (database: string, command: Record<string, unknown>): Promise<CommandReply> =>
    connection.command(database, command, { signal });
  const replies: CommandReply[] = [];
  if (connection.server.topology === 'replicaSet') {
    replies.push(await linearizableRead(`the ${connection.role} ${connection.url}`, run));
    replies.push(await run('admin', { ping: 1 }));
  } else {
    replies.push(await run('admin', { listDatabases: 1, nameOnly: true }));
  }
  let latest: ClusterTime | null = null;
  for (const time of replies.map(replyOperationTime)) {
    if (time !== null && (latest === null || time > latest)) latest = time;
  }
  if (latest !== null) return latest;
  throw new WaybillError(
    'SOURCE_NOT_REPLICA_SET',
    `the ${connection.role} ${connection.url} has no operation time`,
    {
      hint: 'Only replica sets and sharded clusters have one. Convert a standalone server to a single-node replica set.',
    },
  );
}

/** The collection need not exist. If the user may not read there, the ping alone answers. */
async function linearizableRead(
  where: string,
  run: (database: string, command: Record<string, unknown>) => Promise<CommandReply>,
): Promise<CommandReply> {
  try {
    return await run('waybill', {
      find: 'clock',
      filter: { _id: 0 },
      limit: 1,
      singleBatch: true,
      readConcern: { level: 'linearizable' },
      maxTimeMS: MAJORITY_WAIT_MS,
    });
  } catch (error) {
    if (hasCode(error, 'MONGO_UNAUTHORIZED')) return {};
    if (!hasServerCode(error, 'MaxTimeMSExpired')) throw error;
    throw new WaybillError('MONGO_NO_MAJORITY', `no majority of ${where} confirms what its primary has`, {
      hint: 'Look at rs.status() there: members that hold data are down or far behind. Arbiters hold none. Until a majority has a change, no change stream shows it.',
      cause: error,
    });
  }
}
