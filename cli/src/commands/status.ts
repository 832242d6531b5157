import { type Side, StatusCollector } from '@waybill/console/collect/collect';
import type { Status } from '@waybill/console/model/shape';
import { LOAD_DEFAULTS } from '@waybill/load/settings/load-settings';
import { hasCode } from '@waybill/shared/base/errors';
import { sleep } from '@waybill/shared/base/lifecycle';
import { printableData } from '@waybill/shared/base/printable';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { loadMissing, loadNames } from '@waybill/shared/manifest/names';
import { createLogUpdate } from '../output/live-lines.ts';
import type { Room } from '../output/room.ts';
import { renderStatus } from '../output/status.ts';
import type { CommandContext } from './command.ts';
import { Services, untilStopped } from './services.ts';

const WATCH_MS = 2000;
/** Do not wait long for a server that does not answer: the bucket alone tells most of a status. */
const PATIENCE = { serverSelectionTimeoutMs: 3000 };

export async function runStatusCommand(context: CommandContext): Promise<number> {
  const { options, signal } = context;
  await using services = new Services(context);
  const bucket = await services.bucket();
  const collector = new StatusCollector(options, {
    bucket,
    source: options.source ? kept(() => services.source(PATIENCE)) : null,
    target: options.target ? kept(() => services.target(PATIENCE)) : null,
    signal,
  });
  if (options.watch) {
    await untilStopped(signal, watch(collector, context));
    return 0;
  }
  const status = await collector.collect();
  if (status.load === null) await tellLoads(bucket, context);
  return show(status, context);
}

/** Opened when it is first needed, and again at the next look where that failed. */
function kept<T>(open: () => Promise<T>): Side<T> {
  let opened: T | undefined;
  return async () => {
    opened ??= await open();
    return opened;
  };
}

async function watch(collector: StatusCollector, context: CommandContext): Promise<never> {
  const { options, output, logger, signal } = context;
  const frame = output.isTerminal && !options.json ? createLogUpdate(process.stdout) : null;
  for (;;) {
    try {
      const status = await collector.collect();
      if (frame) frame(renderStatus(printableData(status), output.paint, roomOf(process.stdout)));
      else show(status, context);
    } catch (error) {
      // The watch may start before the capture, and goes on while the bucket is unreachable.
      if (!hasCode(error, 'STREAM_MISSING', 'BUCKET_UNAVAILABLE')) throw error;
      frame?.clear();
      logger.warn('no status now', { error });
    }
    await sleep(WATCH_MS, signal);
  }
}

/**
 * A load of the default name may still be to come. If a name was given and no such load exists, the
 * name is wrong.
 */
async function tellLoads(bucket: Bucket, { options, logger, signal }: CommandContext): Promise<void> {
  if (options.load !== LOAD_DEFAULTS.load) throw await loadMissing(bucket, options, signal);
  const others: string[] = [];
  for await (const name of loadNames(bucket, options.stream, signal)) others.push(name);
  if (others.length > 0) logger.warn('the stream has loads of other names; give --load', { loads: others });
}

/** Returns 1 if a side gave no answer, since part of the status is missing then. */
function show(status: Status, { options, output }: CommandContext): number {
  if (options.json) output.printJson(status, options.watch ? 'line' : 'pretty');
  else output.print(renderStatus(printableData(status), output.paint));
  return status.unreachable.length > 0 ? 1 : 0;
}

function roomOf({ rows, columns }: NodeJS.WriteStream): Room {
  return { rows: rows || 24, columns: columns || 80 };
}
