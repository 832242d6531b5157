import { BSON } from 'mongodb';

// Stands in until bson/ejson.ts is there.
export const toCanonicalExtendedJson = (doc: Buffer): string =>
  BSON.EJSON.stringify(BSON.deserialize(doc, { promoteValues: false }), { relaxed: false });
export const fromExtendedJson = (text: string): Buffer =>
  Buffer.from(BSON.serialize(BSON.EJSON.parse(text, { relaxed: false }) as BSON.Document));
export const roundTrips = (doc: Buffer): boolean => {
  try {
    return fromExtendedJson(toCanonicalExtendedJson(doc)).equals(doc);
  } catch {
    return false;
  }
};
