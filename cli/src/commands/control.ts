import type { Word } from '@waybill/load/rate/control';
import { parseRateLimit } from '@waybill/load/rate/limit';
import { tellLoad } from '@waybill/load/rate/tell-load';
import { WaybillError } from '@waybill/shared/base/errors';
import type { Options } from '../options/options.ts';
import { controlResult, renderControl } from '../output/control.ts';
import type { CommandContext } from './command.ts';
import { Services } from './services.ts';

/** A load looks once a second; a store or a machine may be slow. */
const PATIENCE_MS = 10_000;

export async function runControlCommand(context: CommandContext): Promise<number> {
  const { options, signal, output } = context;
  const words = wordsOf(options);
  await using services = new Services(context);
  const bucket = words.length > 0 ? await services.writableBucket() : await services.bucket();
  const { stream, load } = options;
  const told = await tellLoad(words, { bucket, stream, load, patienceMs: PATIENCE_MS, signal });
  const result = controlResult({ stream, load }, told);
  if (options.json) output.printJson(result);
  else output.print(renderControl(result, output.paint));
  return 0;
}

/** Errors: CONFIG_INVALID. */
function wordsOf({ maxWriteRate, pause, resume }: Options): Word[] {
  if (pause && resume) {
    throw new WaybillError('CONFIG_INVALID', '--pause and --resume do not go together', {
      hint: 'Give one of them.',
    });
  }
  const words: Word[] = [];
  if (maxWriteRate !== undefined) words.push({ kind: 'rate-set', rate: parseRateLimit(maxWriteRate) });
  if (pause) words.push({ kind: 'paused' });
  if (resume) words.push({ kind: 'resumed' });
  return words;
}
