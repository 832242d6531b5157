/** The dead letters of a load that this process owns. */
import type { DeadLetterFile } from '@waybill/shared/manifest/dead-letter-file';
import { loadPrefix, streamPrefix } from '@waybill/shared/manifest/keys';
import { LetterService } from '../letter-requests/letter-service.ts';
import { DeadLetters } from '../letters/dead-letters.ts';
import { type LettersSource, readOpenLetters } from '../letters/read-letters.ts';
import type { LoadLog } from '../progress/load-log.ts';
import type { LoadSettings } from '../settings/load-settings.ts';
import type { LoadRunDeps, RunContext, WriteTools } from './run-context.ts';

export async function openLetters(
  { stream, load, maxDeadLetters }: LoadSettings,
  { bucket, stats, logger, onReadAgain, signal }: LoadRunDeps,
  log: LoadLog,
): Promise<DeadLetters> {
  const source: LettersSource = { bucket, loadPrefix: loadPrefix(stream, load), onReadAgain, signal };
  const open = await readOpenLetters(source, log.state);
  const deps = {
    bucket,
    loadPrefix: source.loadPrefix,
    onReadAgain,
    signal,
    streamPrefix: streamPrefix(stream),
    epoch: log.epoch,
    record: (file: DeadLetterFile) => log.recordLetters(file),
    most: maxDeadLetters,
    load,
    stats,
    logger,
  };
  return new DeadLetters(deps, open, log.state.deadLetters?.letters ?? 0);
}

export function letterService(context: RunContext, { writer, placements }: WriteTools): LetterService {
  const { letters, log, structure, identity, settings, deps } = context;
  const { bucket, onReadAgain, signal, target } = deps;
  return new LetterService({
    letters,
    log,
    source: { bucket, loadPrefix: loadPrefix(settings.stream, settings.load), onReadAgain, signal },
    writer,
    placements,
    structure,
    identity,
    reader: target.reader,
    settings,
  });
}
