import { ATLAS } from './atlas.ts';
import type { TargetProfile } from './profile.ts';

/**
 * The shared tiers of MongoDB Atlas, Flex and M0: MongoDB's own server behind a proxy, which
 * refuses some commands with code 8000. Nothing in its hello is known to tell it from a dedicated
 * cluster, but it alone has the command atlasSize.
 */
export const ATLAS_FLEX: TargetProfile = {
  ...ATLAS,
  kind: 'atlas-flex',
  title: 'MongoDB Atlas, Flex or M0',
  recognition: { ...ATLAS.recognition, command: 'atlasSize' },
  // Their limits of throughput show as latency.
  rate: { ...ATLAS.rate, slowMs: 5000 },
};
