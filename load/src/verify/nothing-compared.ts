/** A comparison of nothing is no success, unless somebody has said that there is to be nothing. */

import { WaybillError } from '@waybill/shared/base/errors';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { streamPrefix } from '@waybill/shared/manifest/keys';
import { readManifest } from '@waybill/shared/manifest/log';
import { milestoneOf } from '@waybill/shared/manifest/state';
import type { VerifyReport } from './report.ts';

interface Named {
  readonly stream: string;
  readonly load: string;
}

/** Whether the stream was begun with --allow-empty. */
export async function mayBeEmpty(bucket: Bucket, { stream }: Named, signal: AbortSignal): Promise<boolean> {
  const state = await readManifest(bucket, streamPrefix(stream), { signal });
  return milestoneOf(state, 'snapshot-started')?.evidence?.allowEmpty === true;
}

export function nothingCompared({ scope }: VerifyReport, { stream, load }: Named): WaybillError {
  const patterns = scope.patterns === null ? '' : ` of ${scope.patterns}`;
  return new WaybillError(
    'VERIFY_NOTHING_COMPARED',
    `neither side has a collection or view${patterns}: nothing was compared`,
    {
      hint: 'Check what the stream and the load take (waybill status), --source and --target. If there is meant to be nothing, give --allow-empty.',
      context: { stream, load },
    },
  );
}
