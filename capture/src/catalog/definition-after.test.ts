import { fromObject } from '@waybill/shared/bson/build';
import type { CollectionDefinition, DdlEvent } from '@waybill/shared/manifest/commit';
import { BSON } from 'mongodb-4-0';
import { describe, expect, it } from 'vitest';
import { definitionAfter } from './definition-after.ts';

type Plain = Parameters<typeof fromObject>[0];

const base64 = (object: Plain): string => fromObject(object).toString('base64');
const ID = { v: 2, key: { _id: 1 }, name: '_id_' };
const A = { v: 2, key: { a: 1 }, name: 'a' };
const TTL = { v: 2, key: { at: 1 }, name: 'ttl', expireAfterSeconds: 60 };

const before: CollectionDefinition = {
  namespace: 's.a',
  type: 'collection',
  uuid: '01'.repeat(16),
  options: base64({ capped: true, size: 4096, validator: { a: 1 } }),
  indexes: [ID, A, TTL].map(base64),
  singleLane: true,
  capped: true,
  documents: 5,
  bytes: 50,
  snapshot: true,
};

function after(operation: DdlEvent['operation'], description: Plain | null) {
  const said = description === null ? null : base64(description);
  const common = { namespace: 's.a', collectionUuid: null, clusterTime: '1:1', wallTime: null };
  const left = definitionAfter(before, { ...common, operation, description: said });
  const plain = (bytes: string) => BSON.deserialize(Buffer.from(bytes, 'base64'));
  return left && { options: plain(left.options), indexes: left.indexes.map(plain) };
}

describe('definitionAfter', () => {
  it('has indexes as they are created and dropped, however often it is told', () => {
    const B = { v: 2, key: { b: 1 }, name: 'b', unique: true };
    expect(after('createIndexes', { indexes: [B, A] })?.indexes).toEqual([ID, TTL, B, A]);
    expect(after('dropIndexes', { indexes: [TTL, B] })?.indexes).toEqual([ID, A]);
  });

  it('has options and indexes as collMod leaves them', () => {
    const validator = { a: 2 };
    expect(after('modify', { validator, validationAction: 'warn', cappedSize: 8192 })?.options).toEqual({
      capped: true,
      size: 8192,
      validator,
      validationAction: 'warn',
    });
    const expiry = { name: 'ttl', expireAfterSeconds: 90 };
    expect(after('modify', { index: expiry })?.indexes[2]).toEqual({ ...TTL, expireAfterSeconds: 90 });
    const shown = { keyPattern: { a: 1 }, hidden: true };
    expect(after('modify', { index: shown })?.indexes).toEqual([ID, { ...A, hidden: true }, TTL]);
  });

  it('says nothing of what a server does not describe, and of other changes', () => {
    expect(after('createIndexes', null)).toBeNull();
    expect(after('drop', {})).toBeNull();
  });
});
