import { hasCode } from '@waybill/shared/errors';
import { sleep } from '@waybill/shared/lifecycle';
import { StatusCollector } from '../status/collect.ts';
import { renderStatus } from '../status/render.ts';
import type { CommandContext } from './command.ts';
import { Services, untilStopped } from './services.ts';

const WATCH_MS = 2000;
const CLEAR_SCREEN = '\u001b[H\u001b[2J\u001b[3J';

export async function runStatusCommand(context: CommandContext): Promise<number> {
  const { options, signal } = context;
  await using services = new Services(context);
  const collector = new StatusCollector(options, {
    bucket: await services.bucket(),
    source: options.source ? await services.connect('source') : null,
    target: options.target ? await services.connect('target') : null,
    signal,
  });
  if (options.watch) await untilStopped(signal, watch(collector, context));
  else await show(collector, context, '');
  return 0;
}

async function watch(collector: StatusCollector, context: CommandContext): Promise<never> {
  for (;;) {
    try {
      await show(collector, context, context.output.isTerminal ? CLEAR_SCREEN : '');
    } catch (error) {
      // Watching begins before the capture does, and outlives an election.
      if (!hasCode(error, 'STREAM_MISSING', 'MONGO_TRANSIENT', 'MONGO_UNREACHABLE', 'BUCKET_UNAVAILABLE'))
        throw error;
      context.logger.warn('no status now', { error });
    }
    await sleep(WATCH_MS, context.signal);
  }
}

async function show(
  collector: StatusCollector,
  { options, output }: CommandContext,
  before: string,
): Promise<void> {
  const status = await collector.collect();
  if (options.json) output.printJson(status, options.watch ? 'line' : 'pretty');
  else output.print(before + renderStatus(status, output.paint));
}
