/** The checks when a load starts for the first time, before anything of it is recorded. */

import { WaybillError } from '@waybill/shared/base/errors';
import type { Logger } from '@waybill/shared/base/logger';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { loadNames } from '@waybill/shared/manifest/names';
import { milestoneOf, type StreamState } from '@waybill/shared/manifest/state';
import { suggestPattern, unmatchedPatterns } from '@waybill/shared/mongo/facts/unmatched';
import { NameMapping } from '../mapping/name-mapping.ts';
import { unmatchedRules } from '../mapping/unmatched-rules.ts';
import { takesOf } from '../settings/load-filter.ts';
import type { LoadSettings } from '../settings/load-settings.ts';

export interface FirstStartDeps {
  readonly bucket: Bucket;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** @throws CONFIG_PATTERN_UNMATCHED, while the patterns are not fixed yet and can be corrected */
export async function checkFirstStart(
  settings: LoadSettings,
  stream: StreamState,
  deps: FirstStartDeps,
): Promise<void> {
  await tellOtherLoads(settings, deps);
  const { include, map, allowEmpty } = settings;
  if (include.length + map.length === 0 || allowEmpty) return;
  // Before the inventory nothing is known of the stream; the snapshot warns then.
  if (!milestoneOf(stream, 'snapshot-started')) return;
  const names = [...stream.collections.keys(), ...stream.currentCollections.keys()];
  const unmatched = unmatchedPatterns(include, names);
  const guesses = unmatched.flatMap((each) => suggestPattern(each, names) ?? []);
  if (unmatched.length > 0) throw namesNothing('include', unmatched, guesses, settings);
  const rules = unmatchedRules(NameMapping.of(map), names.filter(takesOf(settings)));
  if (rules.length > 0) throw namesNothing('map', rules, [], settings);
}

function namesNothing(
  option: 'include' | 'map',
  unmatched: readonly string[],
  guesses: readonly string[],
  { stream, load }: LoadSettings,
): WaybillError {
  const guess = guesses.length > 0 ? `Did you mean ${guesses.join(', ')}? ` : '';
  return new WaybillError(
    'CONFIG_PATTERN_UNMATCHED',
    `--${option} names nothing that stream ${stream} has${option === 'map' ? ' and the load takes' : ''}: ${unmatched.join(', ')}`,
    { hint: `${guess}If it comes later, give --allow-empty.`, context: { stream, load } },
  );
}

async function tellOtherLoads(
  { stream, load }: LoadSettings,
  { bucket, logger, signal }: FirstStartDeps,
): Promise<void> {
  const others: string[] = [];
  for await (const name of loadNames(bucket, stream, signal)) if (name !== load) others.push(name);
  if (others.length > 0) logger.warn('a new load, beside others of this stream', { load, others });
}
