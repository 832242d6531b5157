/** The checks when a load starts for the first time, before anything of it is recorded. */

import { WaybillError } from '@waybill/shared/base/errors';
import type { Logger } from '@waybill/shared/base/logger';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { loadNames } from '@waybill/shared/manifest/names';
import { milestoneOf, type StreamState } from '@waybill/shared/manifest/state';
import { suggestPattern, unmatchedPatterns } from '@waybill/shared/mongo/facts/unmatched';
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
  if (settings.include.length === 0 || settings.allowEmpty) return;
  // Before the inventory nothing is known of the stream; the snapshot warns then.
  if (!milestoneOf(stream, 'snapshot-started')) return;
  const names = [...stream.collections.keys(), ...stream.currentCollections.keys()];
  const unmatched = unmatchedPatterns(settings.include, names);
  if (unmatched.length === 0) return;
  const guesses = unmatched.flatMap((each) => suggestPattern(each, names) ?? []);
  const guess = guesses.length > 0 ? `Did you mean ${guesses.join(', ')}? ` : '';
  throw new WaybillError(
    'CONFIG_PATTERN_UNMATCHED',
    `--include names nothing that stream ${settings.stream} has: ${unmatched.join(', ')}`,
    {
      hint: `${guess}If it comes later, give --allow-empty.`,
      context: { stream: settings.stream, load: settings.load },
    },
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
