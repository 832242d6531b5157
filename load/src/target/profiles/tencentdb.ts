import { MONGODB } from './mongodb.ts';
import type { TargetProfile } from './profile.ts';

/**
 * Tencent Cloud's TencentDB for MongoDB. Nothing is known that tells it from MongoDB: its hosts are
 * addresses. So it is taken for MongoDB.
 */
export const TENCENTDB: TargetProfile = {
  ...MONGODB,
  kind: 'tencentdb',
  title: 'TencentDB for MongoDB',
  recognition: { fields: [], hosts: [], command: null, isGenuine: true },
};
