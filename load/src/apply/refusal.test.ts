import { string } from '@waybill/shared/bson/build';
import { describe, expect, it } from 'vitest';
import { type Refusal, refusedError } from './refusal.ts';

const refusal: Refusal = {
  kind: 'update',
  namespace: 'a.b',
  source: 'a.b',
  id: string('very secret'),
  document: Buffer.from('very secret'),
  places: [],
  by: 'target',
  rule: 'server-121',
  code: 121,
  reason: 'no',
  attempts: 1,
  indexName: undefined,
};

describe('refusedError', () => {
  it('names the record and the type of its _id, and never its value', () => {
    const change = refusedError({
      ...refusal,
      places: [
        { segment: 'segments/x.avro', lane: 2, sequence: 12 },
        { segment: 'segments/y.avro', lane: 2, sequence: 17 },
      ],
    });
    expect(change.message).toContain('change 17');
    expect(change.context).toMatchObject({
      namespace: 'a.b',
      sequence: 17,
      lane: 2,
      segment: 'segments/y.avro',
      records: 2,
      idType: 'string',
      rule: 'server-121',
      serverCode: 121,
    });
    expect(JSON.stringify([change.message, change.hint, change.context])).not.toContain('secret');
    const snapshot = refusedError({
      ...refusal,
      kind: 'insert',
      places: [{ segment: 'segments/x.avro', chunk: 3, document: 41 }],
      code: 11000,
      indexName: 'mine',
    });
    expect(snapshot.context).toMatchObject({ segment: 'segments/x.avro', chunk: 3, document: 41 });
    expect(snapshot.message).toContain('segments/x.avro (chunk 3)');
    expect(snapshot.hint).toContain('(mine)');
  });

  it('says which check refused a document that was never sent', () => {
    const error = refusedError({ ...refusal, by: 'check', rule: 'depth', code: undefined, attempts: 0 });
    expect(error.message).toContain('the target would refuse the update');
    expect(error.message).toContain('no (depth)');
    expect(error.context).toMatchObject({ rule: 'depth', serverCode: undefined });
  });
});
