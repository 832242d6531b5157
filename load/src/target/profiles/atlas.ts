import { MONGODB } from './mongodb.ts';
import type { TargetProfile } from './profile.ts';

/** A dedicated cluster of MongoDB Atlas (M10 and larger): MongoDB's own server. */
export const ATLAS: TargetProfile = {
  ...MONGODB,
  kind: 'atlas',
  title: 'MongoDB Atlas, dedicated',
  recognition: { fields: [], hosts: [/\.mongodb\.net$/], command: null, isGenuine: true },
};
