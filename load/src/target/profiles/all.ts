import { APSARADB } from './apsaradb.ts';
import { ATLAS } from './atlas.ts';
import { ATLAS_FLEX } from './atlas-flex.ts';
import { AZURE_DOCUMENTDB } from './azure-documentdb.ts';
import { DOCUMENTDB } from './documentdb.ts';
import { FERRETDB } from './ferretdb.ts';
import { FIRESTORE } from './firestore.ts';
import { GENERIC } from './generic.ts';
import { MONGODB } from './mongodb.ts';
import type { TargetKind, TargetProfile } from './profile.ts';
import { TENCENTDB } from './tencentdb.ts';

/** The first that recognises a server is its profile. */
export const PROFILES: Readonly<Record<TargetKind, TargetProfile>> = {
  ferretdb: FERRETDB,
  'azure-documentdb': AZURE_DOCUMENTDB,
  firestore: FIRESTORE,
  documentdb: DOCUMENTDB,
  apsaradb: APSARADB,
  'atlas-flex': ATLAS_FLEX,
  atlas: ATLAS,
  tencentdb: TENCENTDB,
  mongodb: MONGODB,
  generic: GENERIC,
};
