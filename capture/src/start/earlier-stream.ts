import type { Logger } from '@waybill/shared/base/logger';
import type { StreamIdentity } from '@waybill/shared/manifest/commit';
import { progressOf } from '@waybill/shared/manifest/identity';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { listNames } from '@waybill/shared/mongo/facts/listed-names';
import { NamespaceFilter } from '@waybill/shared/mongo/facts/namespace-filter';
import { listOwnProgress } from '@waybill/shared/mongo/facts/own-progress';

/**
 * Streams of earlier versions cannot tell progress from a user's data and leave both out. That
 * stays so for their life, and people should know.
 */
export async function tellWhatIsTakenForProgress(
  identity: StreamIdentity,
  { source, logger, signal }: { source: MongoConnection; logger: Logger; signal: AbortSignal },
): Promise<void> {
  if (identity.progress) return;
  const taken = new NamespaceFilter({ include: progressOf(identity) });
  const own = await listOwnProgress(source, taken, signal);
  const names = await listNames(source, (database) => taken.mayMatchDatabase(database), signal);
  const others = names.filter((name) => taken.matches(name) && !own.includes(name));
  if (others.length === 0) return;
  logger.warn(
    'an earlier version made this stream, so it leaves out collections that it took for progress of loads',
    {
      leftOut: others.join(', '),
      hint: 'a new stream takes them: --stream with another name, and --new-stream',
    },
  );
}
