import { type ClusterTime, formatClusterTime } from '@waybill/shared/base/position';
import type { Milestone, MilestoneName } from '@waybill/shared/manifest/commit';

export function milestone(
  name: MilestoneName,
  clusterTime: ClusterTime | null,
  sequence: number | null,
  evidence?: Milestone['evidence'],
): Milestone {
  return {
    name,
    at: new Date().toISOString(),
    clusterTime: clusterTime === null ? null : formatClusterTime(clusterTime),
    sequence,
    ...(evidence && { evidence }),
  };
}
