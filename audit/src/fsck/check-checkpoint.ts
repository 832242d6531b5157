import { isDeepStrictEqual } from 'node:util';
import { hasCode } from '@waybill/shared/base/errors';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import { checkpointOf } from '@waybill/shared/manifest/checkpoint';
import { decodeCheckpoint } from '@waybill/shared/manifest/codec';
import { checkpointKey } from '@waybill/shared/manifest/keys';
import { type LogOptions, retried } from '@waybill/shared/manifest/options';
import type { StreamState } from '@waybill/shared/manifest/state';
import type { Findings } from './findings.ts';

interface FoldedSoFar {
  readonly state: StreamState;
  readonly isUnbroken: boolean;
}

/**
 * A checkpoint beside what its commits add up to. A reader passes a damaged one over, but believes
 * one that is whole and has the right commit's hash: what it says must be so. Behind lost commits
 * nobody can tell, and only its form is checked.
 */
export async function checkCheckpoint(
  bucket: Bucket,
  prefix: string,
  { state, isUnbroken }: FoldedSoFar,
  findings: Findings,
  options: LogOptions,
): Promise<void> {
  const key = checkpointKey(prefix, state.seq);
  try {
    const bytes = await retried((call) => bucket.get(key, call), options);
    const found = decodeCheckpoint(bytes, state.seq, key);
    if (found.hash !== state.hash) {
      findings.add(
        'checkpoint-wrong',
        key,
        `it is of another commit ${state.seq} than the one that is there`,
      );
    } else if (isUnbroken && !isDeepStrictEqual(found, asStored(state))) {
      findings.add('checkpoint-wrong', key, `it is not what commits 1 to ${state.seq} add up to`);
    }
  } catch (error) {
    if (hasCode(error, 'MANIFEST_CORRUPT')) findings.add('checkpoint-damaged', key, error.message);
    else if (hasCode(error, 'FORMAT_UNSUPPORTED')) findings.add('format-unsupported', key, error.message);
    // Garbage collection removes old ones meanwhile.
    else if (!hasCode(error, 'BUCKET_OBJECT_MISSING')) throw error;
  }
}

function asStored(state: StreamState): unknown {
  return JSON.parse(JSON.stringify(checkpointOf(state)));
}
