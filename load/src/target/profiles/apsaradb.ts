import { MONGODB } from './mongodb.ts';
import type { TargetProfile } from './profile.ts';

/** Alibaba Cloud's ApsaraDB for MongoDB: MongoDB's own server, in a build of Alibaba's. */
export const APSARADB: TargetProfile = {
  ...MONGODB,
  kind: 'apsaradb',
  title: 'ApsaraDB for MongoDB',
  recognition: {
    fields: [],
    hosts: [/\.mongodb(?:\.[a-z0-9-]+)?\.rds\.aliyuncs\.com$/],
    command: null,
    isGenuine: true,
  },
};
