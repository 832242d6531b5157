import { isSameCluster } from '@waybill/shared/mongo/facts/cluster-identity';
import { expect, it } from 'vitest';
import { DOCUMENTDB } from '../profiles/documentdb.ts';
import { FIRESTORE } from '../profiles/firestore.ts';
import { addressIdentity } from './address-identity.ts';

const HOST = 'mongodb://00000000-1111-4222-8333-444444444444.nam5.firestore.goog:443';

it('is the address that the service gave, and the database behind it', () => {
  const one = addressIdentity(FIRESTORE, HOST, 'shop');
  expect(isSameCluster(one, addressIdentity(FIRESTORE, HOST, 'shop'))).toBe(true);
  expect(isSameCluster(one, addressIdentity(FIRESTORE, HOST, 'other'))).toBe(false);
  expect(Buffer.from(one.clusterId!, 'hex').toString()).toMatch(/nam5\.firestore\.goog\/shop$/);
});

it('cannot be told from an address that anybody may have given', () => {
  const hidden = addressIdentity(FIRESTORE, 'mongodb://10.0.0.4:443', 'shop');
  expect(hidden).toMatchObject({ replicaSetId: null, clusterId: null, collectionUuid: null });
  const cluster = addressIdentity(DOCUMENTDB, 'mongodb://a.docdb.amazonaws.com', null);
  expect(isSameCluster(cluster, cluster)).toBeNull();
});
