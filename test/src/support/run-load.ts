import type { RefusalPolicy } from '@waybill/load/apply/refusal';
import { runLoad } from '@waybill/load/load';
import type { LoadResult } from '@waybill/load/run/load-deps';
import { type LoadSettings, resolveLoadSettings } from '@waybill/load/settings/load-settings';
import type { TargetKind } from '@waybill/load/target/profiles/profile';
import type { RateRules } from '@waybill/load/target/rules/rate';
import { type Logger, silentLogger } from '@waybill/shared/base/logger';
import { createMetrics } from '@waybill/shared/base/metrics';
import { createLoadStats, type LoadStats } from '@waybill/shared/base/stats';
import { openBucket } from '@waybill/shared/bucket/open/open-bucket';
import { connectTarget } from './target/connect-target.ts';

export interface RunLoadOptions extends Partial<LoadSettings> {
  readonly bucketUrl: string;
  readonly targetUri: string;
  /** Default: as it is recognised. */
  readonly targetKind?: TargetKind;
  readonly signal?: AbortSignal;
  readonly logger?: Logger;
  readonly onRefused?: RefusalPolicy;
  /** Default: as the target's kind has it. */
  readonly rate?: RateRules;
}

export interface LoadRun extends LoadResult {
  readonly stats: LoadStats;
}

/** One load in this process, until what `until` says. */
export async function load({
  bucketUrl,
  targetUri,
  targetKind,
  signal,
  logger = silentLogger,
  onRefused,
  rate,
  ...settings
}: RunLoadOptions): Promise<LoadRun> {
  await using target = await connectTarget(targetUri, targetKind);
  if (rate) Object.assign(target, { profile: { ...target.profile, rate } });
  const bucket = await openBucket(bucketUrl);
  const stats = createLoadStats();
  const result = await runLoad(resolveLoadSettings({ pollMs: 20, ...settings }), {
    bucket,
    target,
    logger,
    metrics: createMetrics(),
    stats,
    signal: signal ?? new AbortController().signal,
    ...(onRefused && { onRefused }),
  });
  return { ...result, stats };
}
