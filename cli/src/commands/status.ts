import { hasCode } from '@waybill/shared/errors';
import { sleep } from '@waybill/shared/lifecycle';
import type { MongoConnection, Role } from '@waybill/shared/mongo/connection';
import { type Side, StatusCollector } from '../status/collect.ts';
import { renderStatus } from '../status/render.ts';
import type { Room } from '../status/room.ts';
import type { CommandContext } from './command.ts';
import { Services, untilStopped } from './services.ts';

const WATCH_MS = 2000;
const CLEAR_SCREEN = '\u001b[H\u001b[2J\u001b[3J';
/** A status does not wait long for a server that is away: the bucket alone says most of it. */
const SELECTION_MS = 3000;

export async function runStatusCommand(context: CommandContext): Promise<number> {
  const { options, signal } = context;
  await using services = new Services(context);
  const collector = new StatusCollector(options, {
    bucket: await services.bucket(),
    source: options.source ? side(services, 'source') : null,
    target: options.target ? side(services, 'target') : null,
    signal,
  });
  if (options.watch) {
    await untilStopped(signal, watch(collector, context));
    return 0;
  }
  return await show(collector, context);
}

/** Opened when it is first needed, and again at the next look where that failed. */
function side(services: Services, role: Role): Side {
  let opened: MongoConnection | undefined;
  return async () => {
    opened ??= await services.connect(role, { serverSelectionTimeoutMs: SELECTION_MS });
    return opened;
  };
}

async function watch(collector: StatusCollector, context: CommandContext): Promise<never> {
  for (;;) {
    try {
      await show(collector, context);
    } catch (error) {
      // Watching begins before the capture does, and outlives a bucket that is away for a while.
      if (!hasCode(error, 'STREAM_MISSING', 'BUCKET_UNAVAILABLE')) throw error;
      context.logger.warn('no status now', { error });
    }
    await sleep(WATCH_MS, context.signal);
  }
}

/** Returns 1 where a side that was asked gave no answer: part of what was wanted is missing. */
async function show(collector: StatusCollector, { options, output }: CommandContext): Promise<number> {
  const status = await collector.collect();
  const redraws = options.watch && output.isTerminal;
  if (options.json) output.printJson(status, options.watch ? 'line' : 'pretty');
  else if (redraws) output.print(CLEAR_SCREEN + renderStatus(status, output.paint, roomOf(process.stdout)));
  else output.print(renderStatus(status, output.paint));
  return status.unreachable.length > 0 ? 1 : 0;
}

function roomOf({ rows, columns }: NodeJS.WriteStream): Room {
  return { rows: rows || 24, columns: columns || 80 };
}
