/**
 * The mapping of a load is fixed for its life, like its filter: `load-started` in the load's log
 * records it before anything is written to the target's collections.
 */
import { WaybillError } from '@waybill/shared/base/errors';
import type { Milestone } from '@waybill/shared/manifest/commit';
import { milestoneOf, type StreamState } from '@waybill/shared/manifest/state';
import { patternsIn } from '@waybill/shared/manifest/stream-patterns';
import { NameMapping, SAME_NAMES } from './name-mapping.ts';

/** For `load-started`. */
export function mappingEvidence({ texts }: NameMapping): NonNullable<Milestone['evidence']> {
  return texts.length === 0 ? {} : { map: JSON.stringify(texts) };
}

/** Null if the load has not been started: no mapping is fixed then. */
function recordedMapping(log: StreamState): NameMapping | null {
  const started = milestoneOf(log, 'load-started');
  return started ? NameMapping.of(patternsIn(started.evidence?.map)) : null;
}

/** The mapping of a load that may not have been started yet. */
export function mappingOf(log: StreamState): NameMapping {
  return recordedMapping(log) ?? SAME_NAMES;
}

/**
 * The mapping to go on with. No rules count as not given.
 * @throws LOAD_OPTIONS_CHANGED if the load was started with other rules; CONFIG_INVALID
 */
export function settleMapping(
  given: readonly string[],
  log: StreamState,
  { stream, load }: { readonly stream: string; readonly load: string },
): NameMapping {
  const recorded = recordedMapping(log);
  const wanted = NameMapping.of(given);
  if (wanted.isIdentity) return recorded ?? wanted;
  if (recorded === null || recorded.texts.join('\n') === wanted.texts.join('\n')) return wanted;
  throw new WaybillError(
    'LOAD_OPTIONS_CHANGED',
    `load ${load} of stream ${stream} was started with ${mappingText(recorded)}, and is now given ${mappingText(wanted)}`,
    {
      hint: 'Leave --map out to go on as it was started. For other names start another load (--load), whose collections do not stand on the target yet.',
      context: { stream, load },
    },
  );
}

/** The options that give this mapping. */
export function mappingText({ texts }: Pick<NameMapping, 'texts'>): string {
  return texts.length === 0 ? "the source's own names" : texts.map((text) => `--map ${text}`).join(' ');
}
